import { type Conversation, conversationStream } from '../domain/conversation/conversation.js';
import { type Reader, requireReadable } from '../domain/conversation/readers.js';
import { type ConversationView, type Looking, type Moment, viewOf } from '../domain/conversation/view.js';
import { Refusal } from '../domain/refusal.js';
import type { Codec } from '../events/codec.js';
import { InvalidStreamName } from '../ports/append-rules.js';
import type { EventLog } from '../ports/event-log.js';
import { checkReadStream } from '../ports/read-rules.js';
import { ConversationHistory, CursorBeyondEnd } from './conversation-history.js';
import { type Cursor, formatCursor } from './cursor.js';
import { readLedger, readTape } from './read-folds.js';

/** Conversations as they stand in the log now. */
export interface Heads {
  current(stream: string): Promise<{ readonly state: Conversation }>;
}

export interface ReaderParts {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly heads: Heads;
}

/** Where in time somebody looks, and at what. */
export interface ReadOptions extends Looking {
  /** Absent: now. */
  readonly at?: Cursor | undefined;
  /** What has to be seen already. */
  readonly min?: Cursor | undefined;
}

/** Conversations for those who may read them, now or as they were at a cursor: folds of the log and nothing else. */
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
    return viewOf(id, moment, looking);
  }

  /** Throws CursorBeyondEnd when nobody can have seen this cursor. */
  async requireReached(id: string, cursor: Cursor): Promise<void> {
    await new ConversationHistory(this.parts.log, this.parts.codec, id).placeAt(cursor);
  }

  /** The ledger first, then the tape of what is open in it: whatever the tape has by then belongs to that moment. */
  private async latest(id: string, head: Conversation): Promise<Moment> {
    const state = await this.withTexts(id, head);
    const open = state.open === null ? null : await readTape(this.parts, state.open);
    const cursor = formatCursor({ ledger: state.seen, tape: open?.events ?? 0 });
    return { state, tape: open?.tape ?? null, cursor };
  }

  /** What decides remembers no text that it does not need: then it is read in the log. */
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

/** An id that no stream can have belongs to nothing. */
export function mayBeStream(name: string): boolean {
  try {
    checkReadStream(name, {});
    return true;
  } catch (error) {
    if (error instanceof InvalidStreamName) return false;
    throw error;
  }
}
