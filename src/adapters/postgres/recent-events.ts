import type { Position, RecordedEvent } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import { textBytes } from '../../ports/append-rules.js';
import type { AllStreamsFilter, Page } from '../../ports/event-log.js';
import { passes } from '../../ports/read-rules.js';
import type { Append } from './group-commit.js';
import type { Standing } from './own-commits.js';
import { bigintOf, positionOf } from './position.js';

/**
 * The newest events, as far as this process has appended them itself without anybody else in between. Positions have no
 * gaps, so whoever stands within this run need not ask the database for what comes next.
 */
export class RecentEvents {
  private run: RecordedEvent[] = [];
  /** Where the run begins: after this position. */
  private before = 0n;
  private bytes = 0;

  /** An append that is committed, in the order of commits: what does not follow starts a new run. */
  note({ stream, events }: Append, outcome: Standing): void {
    const last = bigintOf(outcome.position);
    const before = last - BigInt(events.length);
    const end = this.before + BigInt(this.run.length);
    if (before < end) return;
    if (before > end) this.restart(before);
    for (const [nth, event] of events.entries()) {
      const revision = outcome.revision - events.length + 1 + nth;
      this.run.push({ ...event, stream, revision, position: positionOf(String(before + BigInt(nth + 1))) });
      this.bytes += textBytes(event);
    }
    this.trim();
  }

  /** What follows a position, as a read would answer; nothing when the run does not reach so far back, or so far on. */
  after(position: Position, filter?: AllStreamsFilter): Page | undefined {
    const from = bigintOf(position);
    const last = this.run.at(-1)?.position;
    if (last === undefined || from < this.before || position >= last) return undefined;
    const following = this.run.slice(Number(from - this.before));
    return { events: filter ? following.filter((event) => passes(event, filter)) : following, position: last };
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
