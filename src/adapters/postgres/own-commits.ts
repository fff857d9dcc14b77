import type { AppendOutcome } from '../../ports/event-log.js';
import type { Append } from '../event-log/queue-room.js';
import { bigintOf } from './position.js';

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
