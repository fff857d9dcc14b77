import type { TypedEvent } from '../events/codec.js';
import { conversationStream, generationOf } from '../events/conversation-events.js';
import { type ConversationHistory, type FeedEvent, type FeedPlace, placeAfter } from './conversation-history.js';
import type { Cursor } from './cursor.js';
import { weightOf } from './event-frames.js';
import type { LiveEvents } from './live-events.js';
import { Mailbox } from './mailbox.js';

/** Callbacks of a feed, beside the iteration over its events. */
export interface Follower {
  /** Gets the number of bytes that the feed has received and the client has not taken, whenever it grows. */
  readonly waiting: (bytes: number) => void;
  /**
   * Takes an event that was just received if no other waits before it: this saves several turns of the event loop for each
   * client. False if it cannot take more now.
   */
  readonly takeNow?: (next: () => FeedEvent) => boolean;
}

/**
 * All events of a conversation after a cursor, without end: first those in the log, then new ones, each exactly once. The
 * feed subscribes before it reads the log, and drops received events that it has read.
 */
export class ConversationFeed {
  private readonly conversation: string;
  private readonly received: Mailbox<TypedEvent>;
  /** Events that came before the prompt of their generation: a claim may be committed a moment before its prompt. */
  private readonly early = new Map<string, TypedEvent[]>();
  private readonly ended = new Set<string>();
  /** A prompt was received. From then on, every event before a later prompt was received too. */
  private hasOpened = false;
  private place: FeedPlace | undefined;
  /** The seal of the open generation's tape was delivered. */
  private isSealed = false;
  private readonly ledger: string;

  constructor(
    conversation: string,
    private readonly history: ConversationHistory,
    private readonly live: LiveEvents,
    private readonly follower: Follower = { waiting: () => {} },
  ) {
    this.conversation = conversation;
    this.ledger = conversationStream(conversation);
    this.received = new Mailbox(weightOf, follower.waiting);
  }

  async *from(cursor: Cursor, signal: AbortSignal): AsyncIterable<FeedEvent> {
    const leave = this.live.listen(this.conversation, (event) => this.receive(event));
    try {
      this.place = await this.history.placeAt(cursor);
      for await (const next of this.readOn()) {
        if (signal.aborted) return;
        yield next;
      }
      for await (const event of this.received.taken(signal)) yield* this.next(event);
    } finally {
      leave();
    }
  }

  /**
   * Reads the log from this place on, also after a gap in the received events. An event of a type that this process does
   * not know ends the feed with an error, and the client resumes at a process that knows it.
   */
  private async *readOn(): AsyncGenerator<FeedEvent, void> {
    const place = this.place as FeedPlace;
    for await (const { event } of this.history.since(place.cursor, place)) yield this.advance(event);
  }

  private receive(event: TypedEvent): void {
    if (this.received.isAwaited && this.passOn(event)) return;
    this.received.put(event);
  }

  /** True if the event was taken now or delivered before. False if the log has to be read first. */
  private passOn(event: TypedEvent): boolean {
    const { cursor, open } = this.place as FeedPlace;
    if (event.stream === this.ledger) {
      if (event.revision < cursor.ledger) return true;
      if (event.revision > cursor.ledger) return false;
      if (event.type === 'PromptAssembled' || this.endsUnsealed(event)) return false;
    } else {
      const generation = generationOf(event);
      if (this.ended.has(generation)) return true;
      if (generation !== open || event.revision !== cursor.tape) return false;
    }
    return this.follower.takeNow?.(() => this.advance(event)) ?? false;
  }

  private async *next(event: TypedEvent): AsyncIterable<FeedEvent> {
    const { cursor, open } = this.place as FeedPlace;
    if (event.stream === this.ledger) {
      if (event.revision < cursor.ledger) return;
      if (event.revision > cursor.ledger) return yield* this.readOn();
      if (this.endsUnsealed(event)) yield* this.readTape(open as string);
      yield this.advance(event);
      if (event.type === 'PromptAssembled') yield* this.beginningOf(event.data.generationId);
      return;
    }
    const generation = generationOf(event);
    if (this.ended.has(generation)) return;
    if (generation === open) yield* this.nextOfTape(generation, event);
    else this.keepEarly(generation, event);
  }

  /** True if the generation ended before this feed delivered its seal: the rest of the tape must be read. */
  private endsUnsealed(event: TypedEvent): boolean {
    const { open } = this.place as FeedPlace;
    return event.type === 'GenerationFinalized' && event.data.generationId === open && !this.isSealed;
  }

  /** Events of the tape that were committed before the prompt. They were kept, or are read if the feed began after them. */
  private async *beginningOf(generation: string): AsyncIterable<FeedEvent> {
    if (!this.hasOpened) yield* this.readTape(generation);
    this.hasOpened = true;
    const waiting = this.early.get(generation) ?? [];
    this.early.delete(generation);
    for (const event of waiting) yield* this.nextOfTape(generation, event);
  }

  private async *nextOfTape(generation: string, event: TypedEvent): AsyncIterable<FeedEvent> {
    if (event.revision > this.taped) yield* this.readTape(generation, event.revision - this.taped);
    if (event.revision === this.taped) yield this.advance(event);
  }

  private async *readTape(generation: string, eventsMax?: number): AsyncIterable<FeedEvent> {
    for await (const event of this.history.tape(generation, this.taped, eventsMax)) yield this.advance(event);
  }

  private get taped(): number {
    return (this.place as FeedPlace).cursor.tape;
  }

  private keepEarly(generation: string, event: TypedEvent): void {
    const waiting = this.early.get(generation);
    if (waiting) waiting.push(event);
    else this.early.set(generation, [event]);
  }

  private advance(event: TypedEvent): FeedEvent {
    this.place = placeAfter(this.place as FeedPlace, event);
    if (event.type === 'PromptAssembled') this.isSealed = false;
    if (event.type === 'AttemptEnded') this.isSealed = event.data.retryAt === undefined;
    if (event.type === 'GenerationFinalized') this.ended.add(event.data.generationId);
    return { event, cursor: this.place.cursor };
  }
}
