import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { LinkedAbort } from '../../background/linked-abort.js';
import { type NewEvent, type Position, type RecordedEvent, START } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import type { BackgroundHealth } from '../../ports/background-health.js';
import { Continuity } from '../../ports/continuity.js';
import { LogUnavailable, TerminalError } from '../../ports/errors.js';
import type {
  AllStreamsFilter,
  AppendOptions,
  AppendOutcome,
  Backlog,
  CommandPlace,
  EventLog,
  ExpectedRevision,
  LivePage,
  LogGap,
  Page,
  ReadStreamOptions,
} from '../../ports/event-log.js';
import { checkAppend, checkReadStream, InvalidAppend } from '../../ports/log-rules.js';
import { type Meter, noMeter } from '../../ports/meter.js';
import type { Append } from '../event-log/queue-room.js';
import { PostgresBatchWriter } from './batch-writer.js';
import { DedicatedConnection } from './dedicated-connection.js';
import { askOn, EventReader } from './event-reader.js';
import { GroupCommit } from './group-commit.js';
import { type HeadReading, HeadWatch } from './head-watch.js';
import { breakOffAt, requireSameLog } from './held-event.js';
import { Partitions } from './partitions.js';
import { bigintOf, parsePosition, positionBack } from './position.js';
import { type OwnAppend, OwnCommits, RecentEvents } from './recent-events.js';

/** While the server flushes one batch, the next one already waits in the server for the head row. */
const WRITERS = 2;

/** The log in a PostgreSQL database whose migrations have run. */
export class PostgresEventLog implements EventLog {
  readonly continuity = new Continuity();
  private readonly watch: HeadWatch;
  private readonly reader: EventReader;
  private readonly connections: DedicatedConnection[];
  private readonly commits: GroupCommit;
  private readonly partitions: Partitions;
  private readonly recent = new RecentEvents();
  private readonly closing = new AbortController();
  private health: BackgroundHealth | undefined;

  constructor(config: pg.ClientConfig, meter: Meter = noMeter) {
    setMaxListeners(0, this.closing.signal);
    const own = new OwnCommits((standing) => this.learn(standing));
    const requireLog = (client: pg.Client) => requireSameLog(this.continuity, askOn(client));
    this.connections = Array.from(
      { length: WRITERS },
      () => new DedicatedConnection(config, limits.commitAnswerMs, requireLog),
    );
    this.reader = new EventReader(config, this.continuity);
    const health: BackgroundHealth = {
      failed: (part, error) => this.health?.failed(part, error),
      recovered: (part) => this.health?.recovered(part),
    };
    this.partitions = new Partitions(() => this.reader.extend(), health, pauseBetweenPartitions);
    this.commits = new GroupCommit({
      writers: this.connections.map((connection) => new PostgresBatchWriter(connection, own, this.partitions)),
      refusal,
      now: () => performance.now(),
      meter,
    });
    // Events of this process are known from the answer to their append.
    const isOwn = (backend: number) => this.connections.some((own) => own.backend === backend);
    this.watch = new HeadWatch(config, isOwn, (connection) => this.look(connection), health, requireLog);
  }

  async append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly NewEvent[],
    options: AppendOptions = {},
  ): Promise<AppendOutcome> {
    const bytes = checkAppend(stream, expected, events, options);
    if (this.continuity.isBroken) return { outcome: 'unavailable', maybeWritten: false };
    return this.commits.submit({ stream, expected, events, bytes, ...options });
  }

  findCommand(command: string): Promise<CommandPlace | undefined> {
    return this.reader.command(command);
  }

  async *readStream(stream: string, options: ReadStreamOptions = {}): AsyncIterable<readonly RecordedEvent[]> {
    checkReadStream(stream, options);
    const { direction = 'forwards' } = options;
    const step = direction === 'forwards' ? 1 : -1;
    let from = options.from ?? (direction === 'forwards' ? 0 : limits.revisionMax);
    if (direction === 'backwards') from = Math.min(from, limits.revisionMax);
    let left = options.eventsMax ?? Number.POSITIVE_INFINITY;
    while (left > 0 && from >= 0 && from <= limits.revisionMax) {
      const eventsMax = Math.min(left, limits.readPageEventsMax);
      const { events, isAll } = await this.reader.ofStream(stream, direction, from, eventsMax);
      const last = events.at(-1);
      if (last === undefined) return;
      yield events;
      if (isAll) return;
      left -= events.length;
      from = last.revision + step;
    }
  }

  async *readAll(after: Position, filter?: AllStreamsFilter): AsyncIterable<Page> {
    const end = await this.reader.head();
    const read = (position: Position) => started(this.reader.allAfter(position, end, filter));
    // A position without an id sorts before the same place with an id.
    let next = bigintOf(after) < bigintOf(end) ? read(after) : undefined;
    while (next) {
      const page = await next;
      // Read the next page while the caller works on this one.
      next = bigintOf(page.position) < bigintOf(end) ? read(page.position) : undefined;
      yield page;
    }
  }

  async *subscribe(after: Position, signal: AbortSignal, filter?: AllStreamsFilter): AsyncIterable<LivePage> {
    const ended = new LinkedAbort([signal, this.closing.signal]);
    try {
      yield* this.follow(after, ended.signal, filter);
    } finally {
      ended.release();
    }
  }

  private async *follow(after: Position, ended: AbortSignal, filter?: AllStreamsFilter): AsyncIterable<LivePage> {
    const start = await this.untilReachable(() => this.headFor(after), ended);
    if (start === undefined) return;
    this.watch.advance(start);
    if (after >= this.watch.head) yield { events: [], position: after, live: true };

    const read = async (position: Position) =>
      this.recent.after(position, filter) ??
      started(this.untilReachable(() => this.readAfter(position, filter), ended));
    let position = after;
    let next: Promise<Page | undefined> | undefined;
    while (!ended.aborted) {
      await this.watch.waitBeyond(position, ended);
      if (ended.aborted) return;
      const page = await (next ?? read(position));
      if (page === undefined) return;
      position = page.position;
      const live = position >= this.watch.head;
      next = live ? undefined : read(position);
      yield { ...page, live };
    }
  }

  gapAfter(position: Position): Promise<LogGap | undefined> {
    return this.reader.gapAfter(position);
  }

  head(): Promise<Position> {
    return this.reader.head();
  }

  holds(position: Position): Promise<boolean> {
    return this.reader.holds(position);
  }

  parsePosition(text: string): Position | undefined {
    return parsePosition(text);
  }

  backlog(after: Position, countMax: number, filter?: AllStreamsFilter): Promise<Backlog> {
    return this.reader.backlog(after, countMax, filter);
  }

  identity(): Promise<string> {
    return this.reader.identity();
  }

  knownIdentity(): Promise<string> {
    return this.identity();
  }

  /** Fails if the log does not hold a position that a reader has seen: it is not the same log. */
  private async headFor(after: Position): Promise<Position> {
    if (!(await this.reader.holds(after))) throw breakOffAt(after, this.continuity);
    return this.reader.head();
  }

  private async readAfter(position: Position, filter?: AllStreamsFilter): Promise<Page> {
    if (this.isClose(position) && this.recent.reachesOnceReadOn(position)) {
      await this.watch.look();
      const page = this.recent.after(position, filter);
      if (page) return page;
    }
    return this.reader.allAfter(position, this.watch.head, filter);
  }

  /** The end of the log is known from the read itself, which saves a query. */
  private async look(connection: DedicatedConnection): Promise<HeadReading> {
    const from = this.recent.end;
    // No subscriber reads near the run, so only the head is queried.
    if (!this.isClose(from)) return { head: await this.reader.head(connection), isAll: true };
    const { events, position, isAll } = await this.reader.next(from, connection);
    this.recent.readOn(events);
    return { head: position, isAll };
  }

  private isClose(position: Position): boolean {
    const { head } = this.watch;
    return head !== START && positionBack(head, limits.readPageEventsMax) <= position;
  }

  private learn({ append, outcome }: OwnAppend): void {
    if (outcome.outcome === 'appended') this.recent.note(append, outcome);
    this.continuity.see(outcome.position);
    this.watch.advance(outcome.position);
    this.partitions.see(bigintOf(outcome.position));
  }

  /** Retries a read through any outage. Undefined if it was aborted. */
  private async untilReachable<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    const { first, most } = limits.reconnectBackoffMs;
    for (let pauseMs: number = first; !signal.aborted; pauseMs = Math.min(most, pauseMs * 2)) {
      try {
        return await read();
      } catch (error) {
        if (!(error instanceof LogUnavailable)) throw error;
        await sleep(pauseMs, undefined, { signal }).catch(() => {});
      }
    }
    return undefined;
  }

  reportTo(health: BackgroundHealth): void {
    this.health = health;
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.commits.close();
    this.partitions.stop();
    // In parallel, because each waits for the close of a server that may hang.
    const parts = [this.watch, this.reader, ...this.connections];
    await Promise.all(parts.map((part) => part.close()));
  }
}

const pauseBetweenPartitions = (signal: AbortSignal): Promise<void> =>
  sleep(limits.partitionRetryMs, undefined, { signal }).catch(() => {});

/** A promise that is awaited later, or never if its reader leaves. Its rejection is then ignored. */
function started<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** The server's message may quote a refused text of a user, so only its code is reported. */
function refusal({ stream }: Append, error: unknown): Error {
  const code = error instanceof pg.DatabaseError ? error.code : undefined;
  switch (code) {
    case '22P02':
    case '22021':
    case '54001':
      return new InvalidAppend('not-json', `append to ${stream}: an event is not JSON, or nested too deeply`);
    case '22003':
      return new InvalidAppend('revision-out-of-range', `append to ${stream}: the stream is full`);
    default:
      return new TerminalError(`append to ${stream}: refused by the database (SQLSTATE ${code})`);
  }
}
