import type { AppendOutcome } from '../../ports/event-log.js';
import type { Append } from './group-commit.js';
import { bigintOf } from './position.js';

/** What stands in the log: since now, or since an earlier try. */
export type CommittedOutcome = Extract<AppendOutcome, { outcome: 'appended' | 'already-there' }>;

export interface OwnAppend {
  readonly append: Append;
  readonly outcome: CommittedOutcome;
}

/** A batch on its way. */
export type Sent = object;

interface EarlyAppend extends OwnAppend {
  /** One of these may hold what stands before it. */
  readonly behind: Set<Sent>;
}

/**
 * Puts what this process commits in the order of its commits. Writers are answered in another one, and then what is
 * known of the log would have a gap for as long as the other answer takes: whoever follows the log would have to read
 * what this process is just about to hear of.
 */
export class OwnCommits {
  private readonly underWay = new Set<Sent>();
  private early: EarlyAppend[] = [];
  private last = 0n;

  constructor(private readonly inOrder: (own: OwnAppend) => void) {}

  /** The last position that was passed on, or 0. */
  get newest(): bigint {
    return this.last;
  }

  sent(): Sent {
    const batch = {};
    this.underWay.add(batch);
    return batch;
  }

  /** With what stands; nothing when it came to nothing, or nobody knows. */
  answered(batch: Sent, standing: readonly OwnAppend[] = []): void {
    this.underWay.delete(batch);
    for (const { behind } of this.early) behind.delete(batch);
    for (const own of standing) this.early.push({ ...own, behind: new Set(this.underWay) });
    this.early.sort(byPosition);
    this.passOn();
  }

  /** What others have appended in between will not come here: whoever waits for it reads it. */
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
