import type { Position, RecordedEvent } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import type { AllStreamsFilter, LivePage, Page } from '../../ports/event-log.js';
import { passes } from '../../ports/log-rules.js';

/** The events of a shared reader for one follower. A follower that does not take them leaves when the queue is full. */
export class FollowerQueue {
  private events: RecordedEvent[] = [];
  private characters = 0;
  private taken: Position;
  /** Unknown before the first answer of the server. */
  private isLive: boolean | undefined;
  private failure: unknown;
  private isFull = false;
  private wake = (): void => {};

  constructor(
    /** All events up to here are delivered, or were read before. */
    private position: Position,
    private readonly filter: AllStreamsFilter | undefined,
  ) {
    this.taken = position;
  }

  /** False if the queue is full. Then the follower gets no more events. */
  deliver({ events, position }: Page): boolean {
    if (position <= this.position) return true;
    for (const event of events) {
      if (event.position === undefined || event.position <= this.position || !passes(event, this.filter)) continue;
      this.events.push(event);
      this.characters += event.data.length + event.meta.length;
    }
    this.position = position;
    this.isFull = this.events.length > limits.mailboxEventsMax || this.characters > limits.mailboxCharactersMax;
    this.wake();
    return !this.isFull;
  }

  /** True if the reader has delivered all present events. */
  setLive(isLive: boolean): void {
    this.isLive = isLive;
    this.wake();
  }

  /** Ends the follower with an error that no retry can repair. */
  fail(error: unknown): void {
    this.failure = error;
    this.wake();
  }

  /** Pages of new events. Ends when the follower has left the reader, after all delivered events. */
  async *pages(wasLive: boolean, ended: AbortSignal): AsyncGenerator<LivePage> {
    for (let reportedLive = wasLive; !ended.aborted; ) {
      const live = !this.isFull && (this.isLive ?? reportedLive);
      if (this.position > this.taken || live !== reportedLive) {
        reportedLive = live;
        yield { ...this.take(), live };
      } else if (this.failure !== undefined) throw this.failure;
      else if (this.isFull) return;
      else await this.news(ended);
    }
  }

  private take(): Page {
    const { events, position } = this;
    this.events = [];
    this.characters = 0;
    this.taken = position;
    return { events, position };
  }

  private news(ended: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        ended.removeEventListener('abort', done);
        this.wake = () => {};
        resolve();
      };
      this.wake = done;
      ended.addEventListener('abort', done);
    });
  }
}
