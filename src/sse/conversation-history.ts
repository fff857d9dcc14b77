import type { Codec, TypedEvent } from '../events/codec.js';
import { limits } from '../limits.js';
import { TerminalError } from '../ports/errors.js';
import type { EventLog } from '../ports/event-log.js';
import { BEGINNING, type Cursor } from './cursor.js';

/** An event of a conversation or of one of its generations, and the cursor at which it has been seen. */
export interface ToldEvent {
  readonly event: TypedEvent;
  readonly cursor: Cursor;
}

/** Where a teller stands: the cursor, and whose tape its second half counts. */
export interface Place {
  readonly cursor: Cursor;
  readonly open: string | undefined;
}

export const FIRST_PLACE: Place = { cursor: BEGINNING, open: undefined };

/** The place after an event that comes next in it. The tape's events count only while its generation is open. */
export function placeAfter({ cursor, open }: Place, event: TypedEvent): Place {
  const next = { ledger: cursor.ledger + 1, tape: cursor.tape };
  switch (event.type) {
    case 'PromptAssembled':
      return { cursor: { ...next, tape: 0 }, open: event.data.generationId };
    case 'GenerationFinalized':
      return event.data.generationId === open
        ? { cursor: { ...next, tape: 0 }, open: undefined }
        : { cursor: next, open };
    case 'GenerationClaimed':
    case 'DeltaReceived':
    case 'AttemptEnded':
      return { cursor: { ...cursor, tape: cursor.tape + 1 }, open };
    default:
      return { cursor: next, open };
  }
}

export const conversationStream = (id: string): string => `conversation-${id}`;
export const generationStream = (id: string): string => `generation-${id}`;

/** A cursor that lies behind what has happened: nobody can have seen it. */
export class CursorBeyondEnd extends TerminalError {}

/**
 * Tells everything of a conversation that has happened since a cursor, each event once: the ledger in its order, and
 * the tape of a generation between its prompt and its end. Ends with what stands at the time.
 */
export class ConversationHistory {
  constructor(
    private readonly log: EventLog,
    private readonly codec: Codec,
    private readonly conversation: string,
  ) {}

  async *since(from: Cursor): AsyncIterable<ToldEvent> {
    let place = await this.placeAt(from);
    for await (const event of this.stream(conversationStream(this.conversation), from.ledger)) {
      // What it finalizes is sealed, so the whole tape stands: it is told before its end.
      if (event.type === 'GenerationFinalized' && event.data.generationId === place.open) {
        for await (const told of this.restOfTape(place)) {
          place = { ...place, cursor: told.cursor };
          yield told;
        }
      }
      place = placeAfter(place, event);
      yield { event, cursor: place.cursor };
    }
    yield* this.restOfTape(place);
  }

  /** Whose tape the second half of a cursor counts. Throws CursorBeyondEnd when the cursor was never reached. */
  async placeAt(cursor: Cursor): Promise<Place> {
    const open = cursor.ledger === 0 ? undefined : await this.openAt(cursor.ledger);
    if (cursor.tape > 0) {
      const last = open && (await this.first(generationStream(open), cursor.tape - 1));
      if (!last) throw new CursorBeyondEnd(`nothing has been seen at ${cursor.ledger}:${cursor.tape}`);
    }
    return { cursor, open };
  }

  private async openAt(ledger: number): Promise<string | undefined> {
    const finalized = new Set<string>();
    let newest: number | undefined;
    for await (const { revision, event } of this.backwards(ledger - 1)) {
      newest ??= revision;
      if (newest !== ledger - 1) break;
      if (event?.type === 'GenerationFinalized') finalized.add(event.data.generationId);
      // One generation is open at a time: the latest prompt's, or none.
      if (event?.type === 'PromptAssembled') {
        return finalized.has(event.data.generationId) ? undefined : event.data.generationId;
      }
    }
    if (newest !== ledger - 1) throw new CursorBeyondEnd(`the conversation has no event ${ledger}`);
    return undefined;
  }

  /** In small steps: what is looked for is nearly always among the last few. */
  private async *backwards(from: number): AsyncIterable<{ revision: number; event: TypedEvent | undefined }> {
    const stream = conversationStream(this.conversation);
    const eventsMax = limits.historyStepEvents;
    for (let revision = from; revision >= 0; revision -= eventsMax) {
      for await (const page of this.log.readStream(stream, { from: revision, direction: 'backwards', eventsMax })) {
        for (const recorded of page) yield { revision: recorded.revision, event: this.codec.decode(recorded) };
      }
    }
  }

  private async *restOfTape(place: Place): AsyncIterable<ToldEvent> {
    if (place.open === undefined) return;
    let { cursor } = place;
    for await (const event of this.stream(generationStream(place.open), cursor.tape)) {
      cursor = { ledger: cursor.ledger, tape: cursor.tape + 1 };
      yield { event, cursor };
    }
  }

  private async *stream(name: string, from: number): AsyncIterable<TypedEvent> {
    for await (const page of this.log.readStream(name, { from })) {
      for (const recorded of page) {
        const event = this.codec.decode(recorded);
        if (!event) throw new TerminalError(`${name} holds ${recorded.type} v${recorded.schema}, of a newer version`);
        yield event;
      }
    }
  }

  private async first(name: string, from: number): Promise<TypedEvent | undefined> {
    for await (const event of this.stream(name, from)) return event;
    return undefined;
  }
}
