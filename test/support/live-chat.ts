import { randomUUID } from 'node:crypto';
import type { ConversationView, NodeView } from '../../src/domain/conversation/view.js';
import type { ApiAnswer, ApiClient } from './api-client.js';
import type { Turn } from './chat.js';
import type { PlayedProvider } from './played-provider.js';
import type { SseClient } from './sse-client.js';
import type { TurnJournal } from './turn-journal.js';
import { until } from './until.js';

interface Around {
  readonly journal: TurnJournal;
  readonly provider: PlayedProvider;
}

/** One conversation from the outside. */
export class LiveChat {
  private constructor(
    private readonly around: Around,
    readonly by: ApiClient,
    readonly id: string,
  ) {}

  static async start(around: Around, by: ApiClient, body: object): Promise<LiveChat> {
    const { id } = await by.ask('POST', '/conversations', body);
    return new LiveChat(around, by, id);
  }

  /** The same conversation, used by another user. */
  as(by: ApiClient): LiveChat {
    return new LiveChat(this.around, by, this.id);
  }

  path(rest = ''): string {
    return `/conversations/${this.id}${rest && `/${rest}`}`;
  }

  post(rest: string, body: object = {}, headers: Record<string, string> = {}): Promise<ApiAnswer> {
    return this.by.call('POST', this.path(rest), body, headers);
  }

  /** A turn that must be taken; `rest` is the route. */
  async turn(rest: string, body: object = {}): Promise<Turn> {
    const answer = await this.post(rest, body);
    if (answer.status !== 202) throw new Error(`not taken: ${answer.text}`);
    return answer.json;
  }

  /** What it says must be new in its database: the journal tells messages apart by it. */
  async send(content: string, body: object = {}): Promise<Turn> {
    const key = randomUUID();
    const answer = await this.post('messages', { content, ...body }, { 'idempotency-key': key });
    if (answer.status !== 202) throw new Error(`not taken: ${answer.text}`);
    const { status, json } = answer;
    const asked = { what: 'send', content } as const;
    this.around.journal.acknowledged.push({ key, asked, status, answer: json, conversation: this.id });
    return json;
  }

  /** The same, and waits for the end of the answer. */
  async say(content: string, body: object = {}): Promise<Turn> {
    const turn = await this.send(content, body);
    await this.ended(turn);
    return turn;
  }

  cancel({ generationId }: { generationId: string }): Promise<ApiAnswer> {
    return this.post(`generations/${generationId}/cancel`);
  }

  change(body: object): Promise<{ cursor: string }> {
    return this.by.ask('PATCH', this.path(), body);
  }

  select(leaf: string): Promise<{ cursor: string }> {
    return this.by.ask('PUT', this.path('branch'), { leaf });
  }

  view(query = ''): Promise<ConversationView> {
    return this.by.ask('GET', this.path() + query);
  }

  async node(id: string): Promise<NodeView> {
    const node = (await this.view()).tree.find((each) => each.id === id);
    if (!node) throw new Error(`no node ${id}`);
    return node;
  }

  // biome-ignore lint/suspicious/noExplicitAny: whatever the server says, for the test to judge
  run({ generationId }: { generationId: string }): Promise<any> {
    return this.by.ask('GET', `/runs/${generationId}`);
  }

  /** How it ended, as its node shows it. */
  async ended({ generationId }: { generationId: string }): Promise<NodeView> {
    await until(async () => !['queued', 'streaming'].includes((await this.run({ generationId })).status));
    return this.node(generationId);
  }

  /** Until this much of an answer is committed. */
  async saying({ generationId }: { generationId: string }, text: string): Promise<void> {
    await until(async () => (await this.node(generationId)).text === text);
  }

  /** From a cursor on; with a snapshot first when there is none. What it shows is held against the log in the end. */
  async watch(after?: string): Promise<SseClient> {
    const from: Record<string, string> = after === undefined ? {} : { 'last-event-id': after };
    const client = await this.by.stream('GET', this.path('events'), undefined, from);
    if (client.response.statusCode !== 200) throw new Error(`no feed: ${client.response.statusCode}`);
    if (after === undefined || after === '0:0') {
      const record = { client: 'live', conversation: this.id, shown: client.events, connections: 1, isComplete: false };
      this.around.journal.feeds.push(record);
    }
    return client;
  }
}
