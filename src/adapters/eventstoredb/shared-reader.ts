import { setTimeout as sleep } from 'node:timers/promises';
import type { Position } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import { LogUnavailable } from '../../ports/errors.js';
import type { AllStreamsFilter, Page } from '../../ports/event-log.js';
import { arrivals } from './all-streams.js';
import type { Connection } from './connection.js';
import { FollowerQueue } from './follower-queue.js';
import type { SameLog } from './same-log.js';
import { PRODUCT_FILTER } from './server-filter.js';

export interface SharedReaderParts {
  readonly connection: Connection;
  readonly sameLog: SameLog;
  readonly head: () => Promise<Position>;
  readonly onRead: (position: Position) => void;
}

interface Recent extends Page {
  readonly characters: number;
}

/**
 * Reads each event of Verbatim once for all followers near the end of the log, while there is one. It keeps its latest events,
 * so that a follower can join in the middle. If its subscription is dropped, it begins another one after the last page, with
 * backoff and without end.
 */
export class SharedReader {
  private readonly followers = new Set<FollowerQueue>();
  private recent: Recent[] = [];
  private recentEvents = 0;
  private recentCharacters = 0;
  /** The kept events begin after this position. Undefined while it does not read. */
  private from: Position | undefined;
  private isLive: boolean | undefined;
  private reading = new AbortController();

  constructor(private readonly parts: SharedReaderParts) {}

  /**
   * Pages after a position. Undefined if the kept events begin later. If it does not read yet, a follower near the end of the
   * log starts it.
   */
  join(after: Position, isNearEnd: boolean, filter?: AllStreamsFilter): FollowerQueue | undefined {
    if (this.from === undefined && isNearEnd) this.begin(after);
    if (this.from === undefined || after < this.from) return undefined;
    const queue = new FollowerQueue(after, filter);
    for (const page of this.recent) queue.deliver(page);
    if (this.isLive !== undefined) queue.setLive(this.isLive);
    this.followers.add(queue);
    return queue;
  }

  leave(queue: FollowerQueue): void {
    this.followers.delete(queue);
    if (this.followers.size === 0) this.stop();
  }

  private begin(after: Position): void {
    this.from = after;
    this.reading = new AbortController();
    this.run(after, this.reading.signal).catch((error) => {
      for (const follower of this.followers) follower.fail(error);
      this.followers.clear();
      this.stop();
    });
  }

  private stop(): void {
    this.reading.abort();
    this.from = undefined;
    this.isLive = undefined;
    this.recent = [];
    this.recentEvents = 0;
    this.recentCharacters = 0;
  }

  private async run(after: Position, stopped: AbortSignal): Promise<void> {
    const { connection, sameLog, head, onRead } = this.parts;
    const { first, most } = limits.reconnectBackoffMs;
    let position = after;
    let reached = after;
    for (let pauseMs: number = first; !stopped.aborted; pauseMs = Math.min(most, pauseMs * 2)) {
      try {
        await sameLog.requireAt(position);
        const end = await head();
        for await (const arrival of arrivals(connection, reached, PRODUCT_FILTER, { signal: stopped })) {
          if (stopped.aborted) return;
          pauseMs = first;
          reached = arrival.reached;
          position = arrival.position ?? position;
          onRead(position);
          // Servers before 23.10 do not report that they have caught up. Then compare with the end of the log at the begin.
          this.setLive(arrival.isAll && (arrival.caughtUp ?? position >= end));
          if (arrival.position !== undefined) this.deliver(arrival.events, position);
        }
      } catch (error) {
        if (!(error instanceof LogUnavailable)) throw error;
        sameLog.doubt();
      }
      await sleep(pauseMs, undefined, { signal: stopped }).catch(() => {});
    }
  }

  private setLive(isLive: boolean): void {
    if (this.isLive === isLive) return;
    this.isLive = isLive;
    for (const follower of this.followers) follower.setLive(isLive);
  }

  private deliver(events: Page['events'], position: Position): void {
    let characters = 0;
    for (const { data, meta } of events) characters += data.length + meta.length;
    this.keep({ events, position, characters });
    for (const follower of this.followers) {
      if (!follower.deliver({ events, position })) this.followers.delete(follower);
    }
  }

  private keep(page: Recent): void {
    this.recent.push(page);
    this.recentEvents += page.events.length;
    this.recentCharacters += page.characters;
    while (this.recentEvents > limits.recentEventsMax || this.recentCharacters > limits.recentBytesMax) {
      const oldest = this.recent.shift();
      if (!oldest) return;
      this.recentEvents -= oldest.events.length;
      this.recentCharacters -= oldest.characters;
      this.from = oldest.position;
    }
  }
}
