import { type Conversation, conversation, type RecordedInConversation } from '../domain/conversation/conversation.js';
import { type Reader, requireReadable } from '../domain/conversation/readers.js';
import { type ConversationView, type Looking, type Moment, viewOf } from '../domain/conversation/view.js';
import type { Recorded } from '../domain/decider.js';
import { generation, type Tape } from '../domain/generation.js';
import { Refusal } from '../domain/refusal.js';
import type { Codec } from '../events/codec.js';
import { conversationStream, type GenerationEvent, generationStream } from '../events/conversation-events.js';
import { type EventLog, eventsOf } from '../ports/event-log.js';
import { checkReadStream, InvalidStreamName } from '../ports/log-rules.js';
import { ConversationHistory } from './conversation-history.js';
import { type Cursor, CursorBeyondEnd, formatCursor } from './cursor.js';

/** The present folds of conversations. */
export interface Heads {
  current(stream: string): Promise<{ readonly state: Conversation }>;
  /** Repeats an act on a fold until all that it reads of it is loaded. */
  whenLoaded<T>(stream: string, act: () => T): Promise<T>;
}

export interface ReaderParts {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly heads: Heads;
}

/** Which part of a conversation to show, and at which cursor. */
export interface ReadOptions extends Looking {
  /** Absent: now. */
  readonly at?: Cursor | undefined;
  /** The state must include this cursor. */
  readonly min?: Cursor | undefined;
}

/** Shows conversations now or at a cursor, folded from the log. */
export class ConversationReader {
  constructor(private readonly parts: ReaderParts) {}

  /** The head of a conversation that this reader may see. */
  async head(id: string, reader: Reader): Promise<Conversation> {
    if (!mayBeStream(conversationStream(id))) throw new Refusal('conversation_not_found');
    const { state } = await this.parts.heads.current(conversationStream(id));
    requireReadable(state, reader);
    return state;
  }

  async view(id: string, reader: Reader, { at, min, ...looking }: ReadOptions = {}): Promise<ConversationView> {
    const head = await this.head(id, reader);
    if (min) await this.requireReached(id, min);
    const moment = at
      ? await this.momentAt(id, head, at)
      : await this.latest(id, min ? await this.head(id, reader) : head);
    return this.show(id, moment, looking);
  }

  /** The present conversation, for a reader who may see it. */
  async present(id: string, looking: Looking): Promise<ConversationView> {
    const { state } = await this.parts.heads.current(conversationStream(id));
    return this.show(id, await this.latest(id, state), looking);
  }

  private show(id: string, moment: Moment, looking: Looking): Promise<ConversationView> {
    return this.parts.heads.whenLoaded(conversationStream(id), () => viewOf(id, moment, looking));
  }

  /** Throws CursorBeyondEnd if the conversation has not reached this cursor. */
  async requireReached(id: string, cursor: Cursor): Promise<void> {
    await new ConversationHistory(this.parts.log, this.parts.codec, id).requireReached(cursor);
  }

  /** Reads the ledger first, then the tape of the open generation, so that the tape is not older than the ledger. */
  private async latest(id: string, head: Conversation): Promise<Moment> {
    const state = await this.withTexts(id, head);
    const open = state.open === null ? null : await readTape(this.parts, state.open);
    const cursor = formatCursor({ ledger: state.seen, tape: open?.events ?? 0 });
    return { state, tape: open?.tape ?? null, cursor };
  }

  /** The remembered fold may lack texts. Then the ledger is read from the log. */
  private async withTexts(id: string, head: Conversation): Promise<Conversation> {
    return head.withoutTexts === 0 ? head : readLedger(this.parts, id, head.seen);
  }

  private async momentAt(id: string, head: Conversation, at: Cursor): Promise<Moment> {
    const cursor = formatCursor(at);
    if (at.ledger > head.seen) throw new CursorBeyondEnd(`the conversation has no event ${at.ledger}`);
    const isHead = at.ledger === head.seen;
    const state = isHead ? await this.withTexts(id, head) : await readLedger(this.parts, id, at.ledger);
    const open = state.open === null ? null : await readTape(this.parts, state.open, at.tape);
    if ((open?.events ?? 0) < at.tape) throw new CursorBeyondEnd(`nothing has been seen at ${cursor}`);
    return { state, tape: open?.tape ?? null, cursor };
  }
}

/** False for a name that no stream can have. */
export function mayBeStream(name: string): boolean {
  try {
    checkReadStream(name, {});
    return true;
  } catch (error) {
    if (error instanceof InvalidStreamName) return false;
    throw error;
  }
}

interface FoldParts {
  readonly log: EventLog;
  readonly codec: Codec;
}

/** The fold of a tape, and the number of its events: the second half of a cursor. */
export interface ReadTape {
  readonly tape: Tape;
  readonly events: number;
}

/** Folds the first events of a conversation. Reads them from the log and not from a cache. */
export async function readLedger(parts: FoldParts, id: string, eventsMax?: number): Promise<Conversation> {
  let state = conversation.initial;
  if (eventsMax === 0) return state;
  for await (const event of eventsOf(parts, conversationStream(id), upTo(eventsMax))) {
    state = conversation.evolve(state, event as unknown as RecordedInConversation);
  }
  return state;
}

/** Folds the first events of a tape. */
export async function readTape(parts: FoldParts, id: string, eventsMax?: number): Promise<ReadTape> {
  let tape = generation.initial;
  let events = 0;
  if (eventsMax === 0) return { tape, events };
  for await (const event of eventsOf(parts, generationStream(id), upTo(eventsMax))) {
    tape = generation.evolve(tape, event as unknown as Recorded<GenerationEvent>);
    events += 1;
  }
  return { tape, events };
}

const upTo = (eventsMax: number | undefined) => (eventsMax === undefined ? {} : { eventsMax });
