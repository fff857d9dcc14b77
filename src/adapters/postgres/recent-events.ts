import type { Position, RecordedEvent } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import { textBytes } from '../../ports/append-rules.js';
import type { AllStreamsFilter, Page } from '../../ports/event-log.js';
import { passes } from '../../ports/read-rules.js';
import type { Append } from './group-commit.js';
import type { CommittedOutcome } from './own-commits.js';
import { bigintOf, positionOf } from './position.js';

/**
 * The newest events, for all subscribers of this process: what it has appended itself, and what was read on for one of
 * them. Positions have no gaps, so whoever stands within this run need not ask the database for what comes next, and
 * what others append is read once and not for each subscriber.
 */
export class RecentEvents {
  private run: RecordedEvent[] = [];
  /** Where the run begins: after this position. */
  private before = 0n;
  private bytes = 0;

  /** An append that is committed, in the order of commits. Behind what others have appended it will be read with that. */
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

  /** Whether reading on from the end brings what follows this position. Whoever is ahead of the run begins a new one. */
  reachesOnceReadOn(position: Position): boolean {
    const from = bigintOf(position);
    if (from > this.last) this.restart(from);
    return from >= this.before;
  }

  /** What was read behind the end, as it was at that moment: some of it may have been noted since. */
  readOn(events: readonly RecordedEvent[]): void {
    for (const event of events) {
      if (event.position === undefined || bigintOf(event.position) !== this.last + 1n) continue;
      this.run.push(event);
      this.bytes += textBytes(event);
    }
    this.trim();
  }

  /** What follows a position, as a read would answer; nothing when the run does not reach so far back, or so far on. */
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

  /** In steps of half the bound: to move everything for each append would cost more than the reads that it saves. */
  private trim(): void {
    if (this.run.length <= limits.recentEventsMax && this.bytes <= limits.recentBytesMax) return;
    const half = Math.ceil(this.run.length / 2);
    for (const event of this.run.splice(0, half)) this.bytes -= textBytes(event);
    this.before += BigInt(half);
  }
}
