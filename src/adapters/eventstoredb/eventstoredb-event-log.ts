import { setMaxListeners } from 'node:events';
import type { NewEvent, Position, RecordedEvent } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import { Continuity } from '../../ports/continuity.js';
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
import { checkAppend, checkReadStream } from '../../ports/log-rules.js';
import { type Meter, noMeter } from '../../ports/meter.js';
import { AllStreamsReads } from './all-streams-reads.js';
import { AppendQueue } from './append-queue.js';
import { AppendSender } from './append-sender.js';
import { Connection } from './connection.js';
import { logIdentity, recordedIdentity } from './log-identity.js';
import { distanceBetween, parsePosition } from './position.js';
import { requireJson } from './recorded-event.js';
import { SameLog } from './same-log.js';
import type { ServerAddress } from './server-address.js';
import { StreamReads } from './stream-reads.js';

/** The log in an EventStoreDB. Events of the server and of other programs in it are not shown. */
export class EventStoreDbEventLog implements LogWithoutCommands {
  readonly continuity = new Continuity();
  private readonly connection: Connection;
  private readonly reads: StreamReads;
  private readonly sameLog: SameLog;
  private readonly sender: AppendSender;
  private readonly appends: AppendQueue;
  private readonly allStreams: AllStreamsReads;
  private readonly closing = new AbortController();
  private known: string | undefined;

  constructor(address: ServerAddress, meter: Meter = noMeter) {
    setMaxListeners(0, this.closing.signal);
    this.connection = new Connection(address, () => this.sameLog.doubt());
    this.reads = new StreamReads(this.connection);
    this.sameLog = new SameLog(this.continuity, this.reads);
    this.allStreams = new AllStreamsReads({
      ...{ connection: this.connection, reads: this.reads, continuity: this.continuity, sameLog: this.sameLog },
      head: () => this.head(),
      closing: this.closing.signal,
    });
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

  readAll(after: Position, filter?: AllStreamsFilter): AsyncIterable<Page> {
    return this.allStreams.read(after, filter);
  }

  subscribe(after: Position, signal: AbortSignal, filter?: AllStreamsFilter): AsyncIterable<LivePage> {
    return this.allStreams.follow(after, signal, filter);
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

  /** The position with this many events between it and `end`. Positions are places in a file, so the events are read. */
  back(position: Position, events: number): Promise<Position> {
    return this.reads.back(position, events);
  }

  /**
   * Counts no events, because the server has no index for it: the distance is a difference of places in its file, and the
   * age is that of the next record. For a reader that has caught up, only the head is read.
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
