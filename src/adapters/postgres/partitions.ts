import { limits } from '../../limits.js';

/** Reports a failure of the background work. */
type Report = (error: unknown) => void;

/**
 * Keeps an empty partition ahead of the newest event, so that no append waits for one. Any process may make it: the
 * function in the database lets one at a time.
 */
export class Partitions {
  private needsOneFrom = 0n;
  private isMaking = false;
  private triedAt = Number.NEGATIVE_INFINITY;

  /** `extend` makes what is missing, and answers from which position on it has to be called again. */
  constructor(
    private readonly extend: () => Promise<bigint>,
    private readonly report: Report,
    private readonly now: () => number,
  ) {}

  /** An event was committed there. */
  see(position: bigint): void {
    if (position >= this.needsOneFrom) this.make();
  }

  make(): void {
    if (this.isMaking || this.now() - this.triedAt < limits.partitionRetryMs) return;
    this.isMaking = true;
    this.triedAt = this.now();
    this.extend()
      .then((from) => {
        this.needsOneFrom = from;
      }, this.report)
      .finally(() => {
        this.isMaking = false;
      });
  }
}
