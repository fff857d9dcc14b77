import type { Clock } from '../ports/clock.js';

/**
 * The moments at which the texts of all answers of this process are appended. Everything that waits for one of them
 * appends in the same turn of the event loop, so it shares one batch and one flush.
 */
export class FlushClock {
  private waiting: (() => void)[] = [];

  constructor(
    private readonly clock: Pick<Clock, 'monotonic' | 'sleep'>,
    private readonly intervalMs: number,
  ) {}

  /** Calls back at the next moment, which is at most one interval away. */
  atNext(call: () => void): void {
    this.waiting.push(call);
    if (this.waiting.length === 1) void this.callAtNext();
  }

  /** The timer runs only while something waits: an idle process does nothing. */
  private async callAtNext(): Promise<void> {
    const { clock, intervalMs } = this;
    await clock.sleep(intervalMs > 0 ? Math.ceil(intervalMs - (clock.monotonic() % intervalMs)) : 0);
    const { waiting } = this;
    this.waiting = [];
    for (const call of waiting) call();
  }
}
