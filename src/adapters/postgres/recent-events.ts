import type { Position, RecordedEvent } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import type { AllStreamsFilter, AppendOutcome, Page } from '../../ports/event-log.js';
import { passes, textBytes } from '../../ports/log-rules.js';
import type { Append } from '../event-log/queue-room.js';
import { bigintOf, positionOf } from './position.js';

/** The outcome of an append that is in the log, by this call or by an earlier one. */
export type CommittedOutcome = Extract<AppendOutcome, { outcome: 'appended' | 'already-there' }>;

export interface OwnAppend {
  readonly append: Append;
  readonly outcome: CommittedOutcome;
}

/** A batch that was sent and has no answer. */
export type Sent = object;

interface EarlyAppend extends OwnAppend {
  /** Open batches that may have committed earlier positions. */
  readonly behind: Set<Sent>;
}

/**
 * Puts the commits of this process in their order in the log. Answers of the two writers may come in another order. Without
 * this, subscribers would read events from the database whose answer is about to arrive.
 */
export class OwnCommits {
  private readonly underWay = new Set<Sent>();
  private early: EarlyAppend[] = [];
  private last = 0n;

  constructor(private readonly inOrder: (own: OwnAppend) => void) {}

  /** The last position that was delivered, or 0. */
  get newest(): bigint {
    return this.last;
  }

  sent(): Sent {
    const batch = {};
    this.underWay.add(batch);
    return batch;
  }

  /** Ends a batch with its committed appends. None if it failed or its outcome is unknown. */
  answered(batch: Sent, committed: readonly OwnAppend[] = []): void {
    this.underWay.delete(batch);
    for (const { behind } of this.early) behind.delete(batch);
    for (const own of committed) this.early.push({ ...own, behind: new Set(this.underWay) });
    this.early.sort(byPosition);
    this.passOn();
  }

  /** Events of other processes in between do not come here. Subscribers read them. */
  private passOn(): void {
    for (let next = this.early[0]; next && this.isDue(next); next = this.early[0]) {
      this.early.shift();
      this.last = bigintOf(next.outcome.position);
      this.inOrder(next);
    }
  }

  private isDue({ append, outcome, behind }: EarlyAppend): boolean {
    return behind.size === 0 || bigintOf(outcome.position) - BigInt(append.events.length) <= this.last;
  }
}

const byPosition = (one: OwnAppend, other: OwnAppend): number =>
  one.outcome.position < other.outcome.position ? -1 : 1;

/**
 * The newest events, for all subscribers of this process: those that it appended, and those that one of them has read.
 * Positions have no gaps, so a subscriber within this run need not query the database, and events of other processes are
 * read once and not for each subscriber.
 */
export class RecentEvents {
  private run: RecordedEvent[] = [];
  /** The run begins after this position. */
  private before = 0n;
  private bytes = 0;

  /** Adds an append, in the order of commits. If events of other processes come before it, all of them are read later. */
  note({ stream, events }: Append, outcome: CommittedOutcome): void {
    const last = bigintOf(outcome.position);
    const before = last - BigInt(events.length);
    if (before !== this.last) return;
    for (const [nth, event] of events.entries()) {
      const revision = outcome.revision - events.length + 1 + nth;
      const position = positionOf(String(before + BigInt(nth + 1)), event.id);
      this.run.push({ ...event, stream, revision, position });
      this.bytes += textBytes(event);
    }
    this.trim();
  }

  get end(): Position {
    return positionOf(String(this.last));
  }

  /** True if a read from the end of the run includes what follows this position. A subscriber ahead of it begins a new run. */
  reachesOnceReadOn(position: Position): boolean {
    const from = bigintOf(position);
    if (from > this.last) this.restart(from);
    return from >= this.before;
  }

  /** Adds events that were read after `end`. Some of them may have been added since. */
  readOn(events: readonly RecordedEvent[]): void {
    for (const event of events) {
      if (event.position === undefined || bigintOf(event.position) !== this.last + 1n) continue;
      this.run.push(event);
      this.bytes += textBytes(event);
    }
    this.trim();
  }

  /** The events after a position, as a read would return them. Undefined if the run does not include the position. */
  after(position: Position, filter?: AllStreamsFilter): Page | undefined {
    const from = bigintOf(position);
    const last = this.run.at(-1)?.position;
    if (last === undefined || from < this.before || from >= this.last) return undefined;
    const following = this.run.slice(Number(from - this.before));
    return { events: filter ? following.filter((event) => passes(event, filter)) : following, position: last };
  }

  private get last(): bigint {
    return this.before + BigInt(this.run.length);
  }

  private restart(before: bigint): void {
    this.run = [];
    this.before = before;
    this.bytes = 0;
  }

  /** Drops half of the bound at a time, because to move all events for each append would cost more than it saves. */
  private trim(): void {
    if (this.run.length <= limits.recentEventsMax && this.bytes <= limits.recentBytesMax) return;
    const half = Math.ceil(this.run.length / 2);
    for (const event of this.run.splice(0, half)) this.bytes -= textBytes(event);
    this.before += BigInt(half);
  }
}
