import { once } from 'node:events';
import type { TypedEvent } from '../events/codec.js';
import {
  type ConversationHistory,
  conversationStream,
  type Place,
  placeAfter,
  type ToldEvent,
} from './conversation-history.js';
import type { Cursor } from './cursor.js';
import type { LiveEvents } from './live-events.js';

/**
 * Everything of a conversation from a cursor on, for ever: what stands, then what comes, each event exactly once
 * across the seam. It listens before it reads, and drops from what it heard what it has read.
 */
export class ConversationFeed {
  private readonly heard: TypedEvent[] = [];
  private readonly arrivals = new EventTarget();
  /** Heard before the prompt of their generation: a claim may be committed a moment earlier than its prompt. */
  private readonly early = new Map<string, TypedEvent[]>();
  private readonly ended = new Set<string>();
  private place: Place | undefined;

  constructor(
    private readonly conversation: string,
    private readonly history: ConversationHistory,
    private readonly live: LiveEvents,
  ) {}

  async *from(cursor: Cursor, signal: AbortSignal): AsyncIterable<ToldEvent> {
    const leave = this.live.listen(this.conversation, (event) => {
      this.heard.push(event);
      this.arrivals.dispatchEvent(new Event('arrival'));
    });
    try {
      this.place = await this.history.placeAt(cursor);
      for await (const { event } of this.history.since(cursor)) {
        if (signal.aborted) return;
        yield this.told(event);
      }
      while (!signal.aborted) {
        const event = this.heard.shift();
        if (event) yield* this.next(event);
        else await this.arrival(signal);
      }
    } finally {
      leave();
    }
  }

  private *next(event: TypedEvent): Iterable<ToldEvent> {
    const { cursor, open } = this.place as Place;
    if (event.stream === conversationStream(this.conversation)) {
      if (event.revision < cursor.ledger) return;
      yield this.told(event);
      if (event.type === 'PromptAssembled') yield* this.tellEarly(event.data.generationId);
      return;
    }
    const generation = generationOf(event);
    if (this.ended.has(generation)) return;
    if (generation !== open) this.keepEarly(generation, event);
    else if (event.revision >= cursor.tape) yield this.told(event);
  }

  private *tellEarly(generation: string): Iterable<ToldEvent> {
    const waiting = this.early.get(generation) ?? [];
    this.early.delete(generation);
    for (const event of waiting) yield* this.next(event);
  }

  private keepEarly(generation: string, event: TypedEvent): void {
    const waiting = this.early.get(generation);
    if (waiting) waiting.push(event);
    else this.early.set(generation, [event]);
  }

  private told(event: TypedEvent): ToldEvent {
    this.place = placeAfter(this.place as Place, event);
    if (event.type === 'GenerationFinalized') this.ended.add(event.data.generationId);
    return { event, cursor: this.place.cursor };
  }

  private async arrival(signal: AbortSignal): Promise<void> {
    await once(this.arrivals, 'arrival', { signal }).catch((error) => {
      if (!signal.aborted) throw error;
    });
  }
}

const generationOf = (event: TypedEvent): string => event.stream.slice('generation-'.length);
