import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { LinkedAbort } from '../../background/linked-abort.js';
import type { NewEvent, Position, RecordedEvent } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import { checkAppend } from '../../ports/append-rules.js';
import { Continuity } from '../../ports/continuity.js';
import { LogUnavailable } from '../../ports/errors.js';
import type {
  AllStreamsFilter,
  AppendOptions,
  AppendOutcome,
  Backlog,
  ExpectedRevision,
  LivePage,
  LogWithoutCommands,
  Page,
  ReadStreamOptions,
} from '../../ports/event-log.js';
import { type Meter, noMeter } from '../../ports/meter.js';
import { checkReadStream, passes } from '../../ports/read-rules.js';
import { arrivals } from './all-streams.js';
import { AppendQueue } from './append-queue.js';
import { AppendSender } from './append-sender.js';
import { Connection } from './connection.js';
import { logIdentity, recordedIdentity } from './log-identity.js';
import { distanceBetween, parsePosition } from './position.js';
import { requireJson } from './recorded-event.js';
import { SameLog } from './same-log.js';
import type { ServerAddress } from './server-address.js';
import { StreamReads } from './stream-reads.js';

/** The log in an EventStoreDB, which also may hold its own events and those of other programs: they are not shown. */
export class EventStoreDbEventLog implements LogWithoutCommands {
  readonly continuity = new Continuity();
  private readonly connection: Connection;
  private readonly reads: StreamReads;
  private readonly sameLog: SameLog;
  private readonly sender: AppendSender;
  private readonly appends: AppendQueue;
  private readonly closing = new AbortController();
  private known: string | undefined;

  constructor(address: ServerAddress, meter: Meter = noMeter) {
    setMaxListeners(0, this.closing.signal);
    this.connection = new Connection(address, () => this.sameLog.doubt());
    this.reads = new StreamReads(this.connection);
    this.sameLog = new SameLog(this.continuity, this.reads);
    this.sender = new AppendSender(this.connection);
    this.appends = new AppendQueue({
      send: async (append, answerMs) => {
        await this.sameLog.require();
        return this.sender.send(append, answerMs);
      },
      now: () => performance.now(),
      meter,
    });
  }

  async append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly NewEvent[],
    { user }: AppendOptions = {},
  ): Promise<AppendOutcome> {
    const bytes = checkAppend(stream, expected, events);
    requireJson(stream, events);
    if (this.continuity.isBroken) return { outcome: 'unavailable', maybeWritten: false };
    const append = { stream, expected, events, bytes, user, sent: false };
    const outcome = await this.appends.submit(append);
    if ('position' in outcome) this.continuity.see(outcome.position);
    return outcome;
  }

  async *readStream(stream: string, options: ReadStreamOptions = {}): AsyncIterable<readonly RecordedEvent[]> {
    checkReadStream(stream, options);
    const { direction = 'forwards' } = options;
    const step = direction === 'forwards' ? 1 : -1;
    let from: number | 'end' = options.from ?? (direction === 'forwards' ? 0 : 'end');
    let left = options.eventsMax ?? Number.POSITIVE_INFINITY;
    while (left > 0 && from !== -1) {
      await this.sameLog.require();
      const { events, isLast } = await this.reads.page(
        stream,
        direction,
        from,
        Math.min(left, limits.readPageEventsMax),
      );
      const last = events.at(-1);
      if (last === undefined) return;
      yield events;
      if (isLast) return;
      left -= events.length;
      from = last.revision + step;
    }
  }

  async *readAll(after: Position, filter?: AllStreamsFilter): AsyncIterable<Page> {
    const end = await this.head();
    // A position without an id compares below the same place with one, and after the end the server would say nothing.
    if (after >= end || end.startsWith(`${after}/`)) return;
    const patience = { signal: this.closing.signal, silenceMsMax: limits.readAnswerMs };
    let position = after;
    for await (const arrival of arrivals(this.connection, after, patience)) {
      position = arrival.position ?? position;
      this.continuity.see(arrival.position);
      yield { events: arrival.events.filter((event) => passes(event, filter)), position };
      if (position >= end) return;
    }
    throw new LogUnavailable('the log was closed');
  }

  /**
   * Each page comes from a subscription of the server's, and when that is dropped from another one that begins where the
   * last page ended. Categories and types are chosen here: the server tells a reader whom it filters for only now and
   * then how far it has looked, and a position would lag behind the log until it did.
   */
  async *subscribe(after: Position, signal: AbortSignal, filter?: AllStreamsFilter): AsyncIterable<LivePage> {
    const ended = new LinkedAbort([signal, this.closing.signal]);
    try {
      yield* this.follow(after, ended.signal, filter);
    } finally {
      ended.release();
    }
  }

  private async *follow(after: Position, ended: AbortSignal, filter?: AllStreamsFilter): AsyncIterable<LivePage> {
    const { first, most } = limits.reconnectBackoffMs;
    let position = after;
    let reached = after;
    let wasLive = false;
    for (let pauseMs: number = first; !ended.aborted; pauseMs = Math.min(most, pauseMs * 2)) {
      try {
        await this.sameLog.requireAt(position);
        const head = await this.head();
        if (!wasLive && position >= head) {
          wasLive = true;
          yield { events: [], position, live: true };
        }
        for await (const arrival of arrivals(this.connection, reached, { signal: ended })) {
          pauseMs = first;
          reached = arrival.reached;
          position = arrival.position ?? position;
          this.continuity.see(arrival.position);
          // Servers that do not tell whether it has caught up: what stood when it began is what there was to catch up.
          const live = arrival.isAll && (arrival.caughtUp ?? position >= head);
          const isNews = arrival.position !== undefined || !wasLive || !live;
          wasLive = live;
          if (isNews) yield { events: arrival.events.filter((event) => passes(event, filter)), position, live };
        }
      } catch (error) {
        if (!(error instanceof LogUnavailable)) throw error;
        this.sameLog.doubt();
      }
      await sleep(pauseMs, undefined, { signal: ended }).catch(() => {});
    }
  }

  async head(): Promise<Position> {
    await this.sameLog.require();
    const head = await this.reads.head();
    this.continuity.see(head);
    return head;
  }

  holds(position: Position): Promise<boolean> {
    return this.reads.holds(position);
  }

  parsePosition(text: string): Position | undefined {
    return parsePosition(text);
  }

  /** One after which so many events stand up to this one: positions are places in a file, and tell no number. */
  back(position: Position, events: number): Promise<Position> {
    return this.reads.back(position, events);
  }

  /**
   * The server has no index that counts, so nothing is counted: the distance is a subtraction of places in its file, and
   * the age is that of the next record. A reader that has caught up costs the look at the head alone.
   */
  async backlog(after: Position): Promise<Backlog> {
    const distance = distanceBetween(after, await this.head());
    if (distance === 0) return { events: null, distance, oldestAt: undefined, estimated: false };
    return { events: null, distance, oldestAt: await this.reads.nextAt(after), estimated: true };
  }

  async identity(): Promise<string> {
    this.known ??= await logIdentity(this.connection, this.reads);
    return this.known;
  }

  knownIdentity(): Promise<string | undefined> {
    return recordedIdentity(this.reads);
  }

  async close(): Promise<void> {
    await this.appends.close();
    this.sender.close();
    this.closing.abort();
    this.connection.close();
  }
}
