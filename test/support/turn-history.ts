import {
  type Conversation,
  conversation,
  type RecordedInConversation,
} from '../../src/domain/conversation/conversation.js';
import { finalizationOf, finalize, requestCancel } from '../../src/domain/conversation/endings.js';
import { assembling, bodyOf } from '../../src/domain/conversation/prompting.js';
import { start } from '../../src/domain/conversation/start.js';
import { replyOf } from '../../src/domain/conversation/tree.js';
import { regenerate, send } from '../../src/domain/conversation/turns.js';
import type { Decide, Recorded } from '../../src/domain/decider.js';
import { endAttempt, generation, receive, type Tape, takeUp, withdraw } from '../../src/domain/generation.js';
import { catalogue, type DomainEvent } from '../../src/events/catalogue.js';
import type { GenerationEvent } from '../../src/events/conversation-events.js';
import type { EventShape, Position, RecordedEvent } from '../../src/events/envelope.js';
import { TurnJournal } from './turn-journal.js';

/** As it is recorded, and open to every change. */
export interface HistoryEvent {
  id: string;
  stream: string;
  revision: number;
  position: string;
  readonly type: string;
  readonly data: Record<string, unknown>;
  readonly meta: { readonly commandId: string };
}

const ID = 'c1';
const OWNER = { tenant: 'default', user: 'ada' };
const tokenizer = {
  encoding: 'o200k_base',
  estimated: true,
  contextLimit: 8_192,
  count: (text: string) => text.length,
};
const assemble = assembling({ provider: 'demo', model: null, providers: { demo: 'demo' } }, () => tokenizer);
const uncalled = { modelServed: null, usage: null, usageRaw: null, response: {}, droppedDeltas: 0 } as const;

/** The events that the product would record, decided by its own rules, and the answers that clients would get. */
export class TurnHistory {
  readonly events: HistoryEvent[] = [];
  readonly journal = new TurnJournal();
  readonly calls: { body: string; answer: string; head: Position }[] = [];
  private state: Conversation = conversation.initial;
  private readonly tapes = new Map<string, Tape>();

  started(): this {
    const decided = start({ system: 'Be brief.' })(this.state);
    this.append(`conversation-${ID}`, decided, 'k0');
    return this.acknowledged('k0', { what: 'start' }, 201, { id: ID });
  }

  /** Message `m<name>`, generation `g<name>`. */
  sent(name: string, options: { whenBusy?: 'enqueue' } = {}): this {
    const asked = { generationId: `g${name}`, options };
    const content = `text ${name}`;
    const message = { messageId: `m${name}`, content, origin: 'person' } as const;
    this.append(`conversation-${ID}`, send(this.command(name), message, asked, assemble)(this.state), name);
    return this.acknowledged(name, { what: 'send', content }, 202, { messageId: `m${name}`, ...this.turn(`g${name}`) });
  }

  regenerated(name: string, old: string): this {
    const asked = { generationId: `g${name}`, options: { params: { seed: 1 } } };
    this.append(`conversation-${ID}`, regenerate(this.command(name), old, asked, assemble)(this.state), name);
    return this.acknowledged(name, { what: 'regenerate', generation: old, seed: 1 }, 202, this.turn(`g${name}`));
  }

  cancelled(generationId: string): this {
    const key = `cancel ${generationId}`;
    this.append(`conversation-${ID}`, requestCancel(this.command(key), generationId)(this.state), key);
    return this.acknowledged(key, { what: 'cancel', generation: generationId }, 202, {});
  }

  takenUp(generationId: string, worker: string): this {
    const isCancelled = this.state.nodes.has(generationId) && replyOf(this.state, generationId).cancelRequested;
    return this.tape(
      generationId,
      takeUp({
        asked: { provider: 'demo', model: 'demo' },
        worker,
        nowMs: 0,
        deadlineMs: 1,
        cancelRequested: isCancelled,
      }),
    );
  }

  /** The prompt of the claim was not committed. */
  withdrawn(generationId: string): this {
    return this.tape(generationId, withdraw(0));
  }

  /** The model is called, and has this answer. */
  called(generationId: string, answer: string): this {
    const { prompt } = replyOf(this.state, generationId);
    if (!prompt) throw new Error(`${generationId} has no prompt`);
    this.calls.push({ body: bodyOf(this.state, prompt), answer, head: this.events.at(-1)?.position as Position });
    return this;
  }

  received(generationId: string, ...texts: string[]): this {
    for (const text of texts)
      this.tape(generationId, receive(this.attemptOf(generationId), { block: 0, channel: 'content', text: text }));
    return this;
  }

  completed(generationId: string): this {
    const ending = { outcome: 'completed', finishReason: 'stop', ...uncalled } as const;
    return this.tape(generationId, endAttempt(this.attemptOf(generationId), ending)).finalized(generationId);
  }

  finalized(generationId: string): this {
    const facts = { generationId, queuedAt: AT, costOf: () => null };
    const result = finalizationOf(this.tapeOf(generationId), facts);
    if (!result) throw new Error(`${generationId} is not sealed`);
    this.append(`conversation-${ID}`, finalize(result, assemble)(this.state), `end ${generationId}`);
    return this;
  }

  /** As it was changed. Where things stand is counted anew unless that was what was changed. */
  log(recount = true) {
    if (recount) this.recount();
    const events = this.events.map(({ data, meta, position, ...event }): RecordedEvent => {
      const texts = { data: JSON.stringify(data), meta: JSON.stringify(meta) };
      const { schema } = catalogue[event.type] as EventShape;
      return { ...event, ...texts, schema, tenant: OWNER.tenant, at: AT, position: position as Position };
    });
    return {
      async *readAll() {
        yield { events, position: events.at(-1)?.position as Position };
      },
    };
  }

  private recount(): void {
    const revisions = new Map<string, number>();
    for (const [nth, event] of this.events.entries()) {
      event.position = positionOf(nth);
      event.revision = (revisions.get(event.stream) ?? -1) + 1;
      revisions.set(event.stream, event.revision);
    }
  }

  private tape(generationId: string, decide: Decide<Tape, GenerationEvent>): this {
    this.append(`generation-${generationId}`, decide(this.tapeOf(generationId)), `work on ${generationId}`);
    return this;
  }

  private append(stream: string, decided: readonly DomainEvent[], commandId: string): void {
    for (const event of decided) {
      const nth = this.events.length;
      const id = `e${nth}`;
      const revision = this.events.filter((other) => other.stream === stream).length;
      const actor = { id: OWNER.user, kind: 'user' };
      const meta = { conversation: ID, owner: OWNER.user, actor, commandId, correlationId: 'trace' };
      const data = structuredClone(event.data) as Record<string, unknown>;
      this.events.push({ id, stream, revision, position: positionOf(nth), type: event.type, data, meta });
      this.fold(stream, { ...event, id, tenant: OWNER.tenant, at: AT, meta });
    }
  }

  private fold(stream: string, event: Recorded<DomainEvent>): void {
    const generationId = /^generation-(.*)$/.exec(stream)?.[1];
    if (generationId === undefined) this.state = conversation.evolve(this.state, event as RecordedInConversation);
    else this.tapes.set(generationId, generation.evolve(this.tapeOf(generationId), event as Recorded<GenerationEvent>));
  }

  private acknowledged(
    key: string,
    asked: TurnJournal['acknowledged'][number]['asked'],
    status: number,
    answer: object,
  ): this {
    const cursor = `${this.state.seen}:0`;
    this.journal.acknowledged.push({ key, asked, conversation: ID, status, answer: { ...answer, cursor } });
    return this;
  }

  private turn(generationId: string) {
    return { generationId, promptSha256: replyOf(this.state, generationId).prompt?.sha256 ?? null, status: 'queued' };
  }

  private command = (commandId: string) => ({ commandId, by: OWNER });
  private tapeOf = (generationId: string): Tape => this.tapes.get(generationId) ?? generation.initial;
  private attemptOf = (generationId: string): number => this.tapeOf(generationId).attempts.length;
}

const AT = '2026-01-02T03:04:05.678Z';
const positionOf = (nth: number): string => String(nth + 1).padStart(19, '0');
