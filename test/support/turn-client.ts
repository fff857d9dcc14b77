import { follow, type Service } from './turn-feed.js';
import type { Acknowledgement, Answer, Asked, FeedRecord, Shown, TurnJournal } from './turn-journal.js';
import { until } from './until.js';

const DEADLINE_MS = 25_000;
/** A server that is up answers long before. */
const ANSWER_MS = 15_000;
/** A conversation that is busy, and a server that is not there yet, are asked again. */
const ASK_AGAIN = [409, 503];
const END = 'generation-finalized';
const BEGUN = ['delta', END];

/** One person with one conversation, who asks with a key until there is an answer, and follows what comes of it. */
export class TurnClient {
  private asked = 0;
  private readonly leaving = new AbortController();
  private following: Promise<void> = Promise.resolve();
  private failure: unknown;

  private constructor(
    private readonly service: Service,
    private readonly journal: TurnJournal,
    private readonly name: string,
    private feed: FeedRecord,
  ) {}

  /** `eventsMax`: of one connection to the feed; then it comes back for more. */
  static async start(service: Service, journal: TurnJournal, name: string, eventsMax = Number.POSITIVE_INFINITY) {
    const { id } = await ask(service, journal, `${name}-start`, { what: 'start' }, '');
    const client = new TurnClient(service, journal, name, journal.feed(name, id as string));
    client.following = follow(service, client.feed, client.leaving.signal, eventsMax).catch((error) => {
      client.failure = error;
    });
    // A snapshot that comes behind the end of a turn sums it up, and then nothing of it is told.
    const isFollowing = () => client.failure !== undefined || service.over.aborted || client.feed.shown.length > 0;
    await until(isFollowing, DEADLINE_MS);
    return client;
  }

  async send(whenBusy?: 'enqueue' | 'interrupt'): Promise<string> {
    const content = `${this.name} says ${this.asked}`;
    const { generationId } = await this.ask({ what: 'send', content, ...(whenBusy && { whenBusy }) });
    return generationId as string;
  }

  /** With a seed of its own, so that its prompt is another one. */
  async regenerate(generation: string): Promise<string> {
    const { generationId } = await this.ask({ what: 'regenerate', generation, seed: this.asked });
    return generationId as string;
  }

  async cancel(generation: string): Promise<void> {
    await this.ask({ what: 'cancel', generation });
  }

  /** Until some of an answer was shown, or its end. */
  async begun(generation: string): Promise<void> {
    await this.shown(BEGUN, generation);
  }

  /** Answers with the end as it was shown. */
  async ended(generation: string): Promise<Shown['data']> {
    return this.shown([END], generation);
  }

  /** Nothing more is to come. */
  async leave(): Promise<void> {
    this.feed.isComplete = true;
    this.leaving.abort();
    await this.following;
  }

  private async shown(names: readonly string[], generation: string): Promise<Shown['data']> {
    const { service, feed } = this;
    const find = () => feed.shown.find(({ event, data }) => names.includes(event) && data.generationId === generation);
    const come = () => {
      if (this.failure !== undefined) throw this.failure;
      service.over.throwIfAborted();
      return find() !== undefined;
    };
    await until(come, DEADLINE_MS).catch((cause) => {
      const last = JSON.stringify(feed.shown.at(-1));
      throw new Error(`${this.name} waits for ${names} of ${generation}, and was last shown ${last}`, { cause });
    });
    return find()?.data;
  }

  private ask(asked: Asked): Promise<Answer> {
    const key = `${this.name}-${this.asked++}`;
    return ask(this.service, this.journal, key, asked, this.feed.conversation);
  }
}

/** Everything that was acknowledged is asked again: it must be answered as it was. */
export async function askAllAgain(service: Service, journal: TurnJournal): Promise<void> {
  for (const { key, asked, conversation } of [...journal.acknowledged]) {
    await ask(service, journal, key, asked, asked.what === 'start' ? '' : conversation);
  }
}

async function ask(
  service: Service,
  journal: TurnJournal,
  key: string,
  asked: Asked,
  conversation: string,
): Promise<Answer> {
  let given: Pick<Acknowledgement, 'status' | 'answer'> | undefined;
  await until(async () => {
    service.over.throwIfAborted();
    given = await answerTo(service, key, asked, conversation);
    return given !== undefined;
  }, DEADLINE_MS);
  const { status, answer } = given as Pick<Acknowledgement, 'status' | 'answer'>;
  journal.acknowledged.push({ key, asked, status, answer, conversation: conversation || (answer.id as string) });
  return answer;
}

/** Nothing when it has to be asked again. */
async function answerTo(service: Service, key: string, asked: Asked, conversation: string) {
  const server = service.address('command');
  if (server === undefined) return undefined;
  const { path, body } = requestOf(asked);
  try {
    const response = await fetch(`${server}/api/v1/conversations${conversation && `/${conversation}`}${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${service.key}`,
        'idempotency-key': key,
        'content-type': 'application/json',
        connection: 'close',
      },
      body: JSON.stringify(body),
      signal: AbortSignal.any([service.over, AbortSignal.timeout(ANSWER_MS)]),
    });
    const text = await response.text();
    if (ASK_AGAIN.includes(response.status)) {
      const retryAfter = response.headers.get('retry-after') ?? undefined;
      service.onFailure?.({ is: 'put off', status: response.status, retryAfter });
      return undefined;
    }
    if (!response.ok) throw new Refused(`${key}: ${response.status} ${text}`);
    return { status: response.status, answer: JSON.parse(text) as Answer };
  } catch (error) {
    if (error instanceof Refused) throw error;
    if ((error as Error).name === 'TimeoutError') throw new Refused(`${key} ${asked.what}: not answered`);
    // It died before it had answered.
    service.onFailure?.({ is: 'broken', error });
    return undefined;
  }
}

class Refused extends Error {}

function requestOf(asked: Asked): { path: string; body: object } {
  switch (asked.what) {
    case 'start':
      return { path: '', body: { system: 'Be brief.' } };
    case 'send':
      return {
        path: '/messages',
        body: { content: asked.content, ...(asked.whenBusy && { whenBusy: asked.whenBusy }) },
      };
    case 'regenerate':
      return { path: `/generations/${asked.generation}/regenerate`, body: { params: { seed: asked.seed } } };
    case 'cancel':
      return { path: `/generations/${asked.generation}/cancel`, body: {} };
  }
}
