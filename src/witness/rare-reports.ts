import type { Clock } from '../ports/clock.js';
import { recordLimits } from '../record-limits.js';

/** Limits lines that a client without a key can cause: one for each key in `witnessReportEveryMs`. */
export class RareReports {
  /** By key, the oldest first. */
  private readonly reportedAt = new Map<string, number>();

  constructor(private readonly clock: Pick<Clock, 'monotonic'>) {}

  isDue(key: string): boolean {
    const now = this.clock.monotonic();
    const before = this.reportedAt.get(key);
    if (before !== undefined && now - before < recordLimits.witnessReportEveryMs) return false;
    this.reportedAt.delete(key);
    this.reportedAt.set(key, now);
    const [oldest] = this.reportedAt.keys();
    if (this.reportedAt.size > recordLimits.witnessReportsMax && oldest !== undefined) this.reportedAt.delete(oldest);
    return true;
  }
}
