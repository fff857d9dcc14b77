import { setTimeout as sleep } from 'node:timers/promises';
import { LinkedAbort } from '../../background/linked-abort.js';
import type { Position } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import type { Continuity } from '../../ports/continuity.js';
import { LogUnavailable } from '../../ports/errors.js';
import type { AllStreamsFilter, LivePage, Page } from '../../ports/event-log.js';
import { passes } from '../../ports/log-rules.js';
import { arrivals, type Patience } from './all-streams.js';
import type { Connection } from './connection.js';
import type { FollowerQueue } from './follower-queue.js';
import type { SameLog } from './same-log.js';
import { PRODUCT_FILTER, type ServerFilter, serverFilter } from './server-filter.js';
import { type CatchUpPage, CatchUps } from './shared-catch-up.js';
import { SharedReader } from './shared-reader.js';
import type { StreamReads } from './stream-reads.js';

export interface AllStreamsParts {
  readonly connection: Connection;
  readonly reads: StreamReads;
  readonly continuity: Continuity;
  readonly sameLog: SameLog;
  readonly head: () => Promise<Position>;
  readonly closing: AbortSignal;
}

/** The place of a reader: its last event, and the position up to which the server has searched for the next one. */
interface ReadProgress {
  readonly position: Position;
  readonly reached: Position;
}

/**
 * Reads all streams. A reader that is far behind uses a filter of the server, up to the end of the log at its begin, and
 * shares its reading with others of the same filter. A follower near the end gets its events from one shared reader.
 */
export class AllStreamsReads {
  private readonly catchUps = new CatchUps();
  private readonly shared: SharedReader;

  constructor(private readonly parts: AllStreamsParts) {
    const { connection, sameLog, head, continuity } = parts;
    this.shared = new SharedReader({ connection, sameLog, head, onRead: (position) => continuity.see(position) });
  }

  async *read(after: Position, filter?: AllStreamsFilter): AsyncIterable<Page> {
    const end = await this.parts.head();
    if (isAt(end, after)) return;
    const patience = { signal: this.parts.closing, silenceMsMax: limits.readAnswerMs };
    const onServer = await this.onServer(filter);
    let isDone = false;
    for await (const { events, position } of this.upTo(end, { position: after, reached: after }, patience, onServer)) {
      yield { events: events.filter((event) => passes(event, filter)), position };
      isDone = position >= end;
    }
    if (!isDone) throw new LogUnavailable('the log was closed');
  }

  async *follow(after: Position, signal: AbortSignal, filter?: AllStreamsFilter): AsyncIterable<LivePage> {
    const ended = new LinkedAbort([signal, this.parts.closing]);
    try {
      yield* this.followUntil(ended.signal, after, filter);
    } finally {
      ended.release();
    }
  }

  private async *followUntil(ended: AbortSignal, after: Position, filter?: AllStreamsFilter): AsyncIterable<LivePage> {
    const { sameLog, head } = this.parts;
    const { first, most } = limits.reconnectBackoffMs;
    let pauseMs: number = first;
    let at: ReadProgress = { position: after, reached: after };
    let wasLive = false;
    let hasCaughtUp = false;
    while (!ended.aborted) {
      try {
        await sameLog.requireAt(at.position);
        const end = await head();
        const isAtEnd = isAt(end, at.position);
        if (isAtEnd && !wasLive) {
          wasLive = true;
          yield { events: [], position: at.position, live: true };
        }
        // Other writers may have moved the end by the time that a reader reaches it.
        const queue = this.shared.join(at.position, isAtEnd || hasCaughtUp, filter);
        const pages: AsyncIterable<LivePage & ReadProgress> = queue
          ? this.delivered(queue, wasLive, ended)
          : this.withOthers(end, at, ended, filter);
        for await (const { events, position, reached, live } of pages) {
          pauseMs = first;
          at = { position, reached };
          wasLive = live;
          yield { events, position, live };
        }
        hasCaughtUp = queue === undefined && isAt(end, at.position);
      } catch (error) {
        if (!(error instanceof LogUnavailable)) throw error;
        sameLog.doubt();
        await sleep(pauseMs, undefined, { signal: ended }).catch(() => {});
        pauseMs = Math.min(most, pauseMs * 2);
      }
    }
  }

  /** Pages from the shared reader. Ends if the follower is too slow. */
  private async *delivered(
    queue: FollowerQueue,
    wasLive: boolean,
    ended: AbortSignal,
  ): AsyncIterable<LivePage & ReadProgress> {
    try {
      for await (const page of queue.pages(wasLive, ended)) yield { ...page, reached: page.position };
    } finally {
      this.shared.leave(queue);
    }
  }

  /** Pages for a follower that is far behind, up to at least a position. Ends early if the follower is too slow. */
  private async *withOthers(
    end: Position,
    from: ReadProgress,
    ended: AbortSignal,
    filter?: AllStreamsFilter,
  ): AsyncIterable<LivePage & ReadProgress> {
    const onServer = await this.onServer(filter);
    const begin = (stopped: AbortSignal) => this.upTo(end, from, { signal: stopped }, onServer);
    const readings = this.catchUps.follow(from.position, `${onServer.by} ${onServer.regex}`, begin, ended);
    for await (const { events, position, reached } of readings) {
      yield { events: events.filter((event) => passes(event, filter)), position, reached, live: false };
    }
  }

  /** Events that pass the server's filter, up to at least a position. Ends there, or when the signal is aborted. */
  private async *upTo(
    end: Position,
    { position: from, reached }: ReadProgress,
    patience: Patience,
    onServer: ServerFilter,
  ): AsyncIterable<CatchUpPage> {
    if (isAt(end, from)) return;
    const { connection, continuity } = this.parts;
    let position = from;
    for await (const arrival of arrivals(connection, reached, onServer, patience)) {
      position = arrival.position ?? position;
      continuity.see(arrival.position);
      const isAll = arrival.isAll && arrival.caughtUp === true;
      // The last event that passes the filter may come before the end of the log.
      const isThere = position >= end || arrival.reached > end || isAll;
      if (isThere && position < end) position = end;
      yield { events: arrival.events, position, reached: isThere ? position : arrival.reached };
      if (isThere) return;
    }
  }

  /** Servers that do not report that they have caught up get no filter, because the reader could not detect the end. */
  private async onServer(filter: AllStreamsFilter | undefined): Promise<ServerFilter> {
    const wanted = serverFilter(filter);
    if (!wanted.isNarrow) return wanted;
    return (await this.parts.reads.serverReportsCaughtUp()) ? wanted : PRODUCT_FILTER;
  }
}

/** A position without an id compares below the same place with one. */
const isAt = (end: Position, position: Position): boolean => position >= end || end.startsWith(`${position}/`);
