import { type Codec, type Decoded, ifKnown, type TypedEvent } from '../events/codec.js';
import { conversationStream, generationStream, isOfTape } from '../events/conversation-events.js';
import { limits } from '../limits.js';
import { type EventLog, eventsOf } from '../ports/event-log.js';
import { type Cursor, CursorBeyondEnd } from './cursor.js';

/** An event of a conversation or of one of its generations, and the cursor after it. */
export interface FeedEvent {
  readonly event: TypedEvent;
  readonly cursor: Cursor;
}

/** A cursor, and the generation whose tape its second half counts. */
export interface FeedPlace {
  readonly cursor: Cursor;
  readonly open: string | undefined;
}

/**
 * The place after an event. It depends only on the event's own revision, so every process gives an event the same cursor.
 * The tape's events count only while its generation is open.
 */
export function placeAfter({ cursor, open }: FeedPlace, event: TypedEvent): FeedPlace {
  if (isOfTape(event)) return { cursor: { ...cursor, tape: event.revision + 1 }, open };
  const next = { ledger: event.revision + 1, tape: cursor.tape };
  switch (event.type) {
    case 'PromptAssembled':
      return { cursor: { ...next, tape: 0 }, open: event.data.generationId };
    case 'GenerationFinalized':
      return event.data.generationId === open
        ? { cursor: { ...next, tape: 0 }, open: undefined }
        : { cursor: next, open };
    default:
      return { cursor: next, open };
  }
}

/**
 * Reads all events of a conversation after a cursor, each once: the ledger in its order, and the tape of a generation
 * between its prompt and its end. Ends at the last event that is committed.
 */
export class ConversationHistory {
  constructor(
    private readonly log: EventLog,
    private readonly codec: Codec,
    private readonly conversation: string,
  ) {}

  async *since(from: Cursor, known?: FeedPlace): AsyncIterable<FeedEvent> {
    let place = known ?? (await this.placeAt(from));
    const { log, codec } = this;
    for await (const event of eventsOf({ log, codec }, conversationStream(this.conversation), { from: from.ledger })) {
      // A finalized tape is sealed, so all of it is in the log. It comes before the end.
      if (event.type === 'GenerationFinalized' && event.data.generationId === place.open) {
        for await (const next of this.restOfTape(place)) {
          place = { ...place, cursor: next.cursor };
          yield next;
        }
      }
      place = placeAfter(place, event);
      yield { event, cursor: place.cursor };
    }
    yield* this.restOfTape(place);
  }

  /** Throws CursorBeyondEnd if the cursor was never reached. */
  async requireReached(cursor: Cursor): Promise<void> {
    // Every read after a write passes here: only a cursor within a tape needs the search for its prompt.
    if (cursor.tape > 0) await this.placeAt(cursor);
    else await this.requireLedger(cursor);
  }

  /** Finds the generation whose tape the cursor counts. Throws CursorBeyondEnd if the cursor was never reached. */
  async placeAt(cursor: Cursor): Promise<FeedPlace> {
    requirePossible(cursor);
    const open = cursor.ledger === 0 ? undefined : await this.openAt(cursor.ledger);
    if (cursor.tape > 0) {
      const isReached = open !== undefined && (await this.hasTaped(open, cursor.tape));
      if (!isReached) throw new CursorBeyondEnd(`nothing has been seen at ${cursor.ledger}:${cursor.tape}`);
    }
    return { cursor, open };
  }

  tape(generation: string, from: number, eventsMax?: number): AsyncIterable<TypedEvent> {
    const { log, codec } = this;
    const options = eventsMax === undefined ? { from } : { from, eventsMax };
    return eventsOf({ log, codec }, generationStream(generation), options);
  }

  private async requireLedger(cursor: Cursor): Promise<void> {
    requirePossible(cursor);
    if (cursor.ledger === 0) return;
    const last = { from: cursor.ledger - 1, eventsMax: 1 };
    for await (const _ of this.log.readStream(conversationStream(this.conversation), last)) return;
    throw new CursorBeyondEnd(`the conversation has no event ${cursor.ledger}`);
  }

  private async openAt(ledger: number): Promise<string | undefined> {
    const finalized = new Set<string>();
    let newest: number | undefined;
    for await (const { revision, event } of this.backwards(ledger - 1)) {
      newest ??= revision;
      if (newest !== ledger - 1) break;
      if (event?.type === 'GenerationFinalized') finalized.add(event.data.generationId);
      // One generation is open at a time: that of the latest prompt, or none.
      if (event?.type === 'PromptAssembled') {
        return finalized.has(event.data.generationId) ? undefined : event.data.generationId;
      }
    }
    if (newest !== ledger - 1) throw new CursorBeyondEnd(`the conversation has no event ${ledger}`);
    return undefined;
  }

  /** The wanted event is nearly always among the last few. If not, it may be thousands of events away, or not exist. */
  private async *backwards(from: number): AsyncIterable<{ revision: number; event: TypedEvent | undefined }> {
    const stream = conversationStream(this.conversation);
    let eventsMax: number = limits.historyStepEvents;
    for (let revision = from; revision >= 0; ) {
      for await (const page of this.log.readStream(stream, { from: revision, direction: 'backwards', eventsMax })) {
        const decoded = await this.codec.decode(page);
        for (const [nth, { revision: at }] of page.entries())
          yield { revision: at, event: ifKnown(decoded[nth] as Decoded) };
      }
      revision -= eventsMax;
      eventsMax = Math.min(2 * eventsMax, limits.readPageEventsMax);
    }
  }

  private async *restOfTape(place: FeedPlace): AsyncIterable<FeedEvent> {
    if (place.open === undefined) return;
    let { cursor } = place;
    for await (const event of this.tape(place.open, cursor.tape)) {
      cursor = { ledger: cursor.ledger, tape: event.revision + 1 };
      yield { event, cursor };
    }
  }

  private async hasTaped(generation: string, events: number): Promise<boolean> {
    for await (const _ of this.tape(generation, events - 1, 1)) return true;
    return false;
  }
}

/** The engines fail on larger revisions. */
function requirePossible({ ledger, tape }: Cursor): void {
  if (Math.max(ledger, tape) > limits.revisionMax) throw new CursorBeyondEnd('no stream is that long');
}
