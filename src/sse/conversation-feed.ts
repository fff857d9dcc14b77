import type { TypedEvent } from '../events/codec.js';
import {
  type ConversationHistory,
  conversationStream,
  type FeedPlace,
  placeAfter,
  type ToldEvent,
} from './conversation-history.js';
import type { Cursor } from './cursor.js';
import { generationOf, weightOf } from './event-frames.js';
import type { LiveEvents } from './live-events.js';
import { Mailbox } from './mailbox.js';

/** Who follows a feed, besides whoever iterates over it. */
export interface Follower {
  /** Learns how much has been heard that nobody has taken, whenever it grows. */
  readonly waiting: (bytes: number) => void;
  /**
   * Takes what was just heard, when nothing waits before it: without it each event would pass through several turns of
   * the loop for every client. False when it cannot take any more now.
   */
  readonly takeNow?: (told: () => ToldEvent) => boolean;
}

/**
 * Everything of a conversation from a cursor on, for ever: what stands, then what comes, each event exactly once
 * across the seam. It listens before it reads, and drops from what it heard what it has read.
 */
export class ConversationFeed {
  private readonly conversation: string;
  private readonly heard: Mailbox<TypedEvent>;
  /** Heard before the prompt of their generation: a claim may be committed a moment earlier than its prompt. */
  private readonly early = new Map<string, TypedEvent[]>();
  private readonly ended = new Set<string>();
  /** Whether a prompt was heard: whatever precedes a later one was heard too. */
  private hasOpened = false;
  private place: FeedPlace | undefined;
  /** The open generation's last attempt was told. Nothing of its tape follows. */
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
    this.heard = new Mailbox(weightOf, follower.waiting);
  }

  async *from(cursor: Cursor, signal: AbortSignal): AsyncIterable<ToldEvent> {
    const leave = this.live.listen(this.conversation, (event) => this.hear(event));
    try {
      this.place = await this.history.placeAt(cursor);
      for await (const told of this.readOn()) {
        if (signal.aborted) return;
        yield told;
      }
      for await (const event of this.heard.taken(signal)) yield* this.next(event);
    } finally {
      leave();
    }
  }

  /**
   * What stands in the log, this place on. Also after a gap in what was heard: an event of a type that this process does not
   * know ends the feed here, with an error, and the client resumes at a process that knows it.
   */
  private async *readOn(): AsyncGenerator<ToldEvent, void> {
    const place = this.place as FeedPlace;
    for await (const { event } of this.history.since(place.cursor, place)) yield this.told(event);
  }

  private hear(event: TypedEvent): void {
    if (this.heard.isAwaited && this.passOn(event)) return;
    this.heard.put(event);
  }

  /** True when nothing is left to do about it: it was taken, or had been told. What needs something read is not passed on. */
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
    return this.follower.takeNow?.(() => this.told(event)) ?? false;
  }

  private async *next(event: TypedEvent): AsyncIterable<ToldEvent> {
    const { cursor, open } = this.place as FeedPlace;
    if (event.stream === this.ledger) {
      if (event.revision < cursor.ledger) return;
      if (event.revision > cursor.ledger) return yield* this.readOn();
      if (this.endsUnsealed(event)) yield* this.readTape(open as string);
      yield this.told(event);
      if (event.type === 'PromptAssembled') yield* this.beginningOf(event.data.generationId);
      return;
    }
    const generation = generationOf(event);
    if (this.ended.has(generation)) return;
    if (generation === open) yield* this.nextOfTape(generation, event);
    else this.keepEarly(generation, event);
  }

  /** The end of an answer whose tape was not told to its seal: that was not heard, or this process does not know its type. */
  private endsUnsealed(event: TypedEvent): boolean {
    const { open } = this.place as FeedPlace;
    return event.type === 'GenerationFinalized' && event.data.generationId === open && !this.isSealed;
  }

  /** What was committed before its prompt: heard and kept, or so early that nobody was listening yet. */
  private async *beginningOf(generation: string): AsyncIterable<ToldEvent> {
    if (!this.hasOpened) yield* this.readTape(generation);
    this.hasOpened = true;
    const waiting = this.early.get(generation) ?? [];
    this.early.delete(generation);
    for (const event of waiting) yield* this.nextOfTape(generation, event);
  }

  private async *nextOfTape(generation: string, event: TypedEvent): AsyncIterable<ToldEvent> {
    if (event.revision > this.taped) yield* this.readTape(generation, event.revision - this.taped);
    if (event.revision === this.taped) yield this.told(event);
  }

  private async *readTape(generation: string, eventsMax?: number): AsyncIterable<ToldEvent> {
    for await (const event of this.history.tape(generation, this.taped, eventsMax)) yield this.told(event);
  }

  private get taped(): number {
    return (this.place as FeedPlace).cursor.tape;
  }

  private keepEarly(generation: string, event: TypedEvent): void {
    const waiting = this.early.get(generation);
    if (waiting) waiting.push(event);
    else this.early.set(generation, [event]);
  }

  private told(event: TypedEvent): ToldEvent {
    this.place = placeAfter(this.place as FeedPlace, event);
    if (event.type === 'PromptAssembled') this.isSealed = false;
    if (event.type === 'AttemptEnded') this.isSealed = event.data.retryAt === undefined;
    if (event.type === 'GenerationFinalized') this.ended.add(event.data.generationId);
    return { event, cursor: this.place.cursor };
  }
}
