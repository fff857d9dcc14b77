import { LinkedAbort } from '../background/linked-abort.js';
import type { Clock } from '../ports/clock.js';

/** How long a process that stops lets its open generations go on. */
export class Drain {
  private readonly ended = new AbortController();

  constructor(
    private readonly milliseconds: number,
    private readonly clock: Pick<Clock, 'sleep'>,
  ) {}

  /** Another process can go on with what is open. */
  cutShort(): void {
    this.ended.abort();
  }

  /** Resolves when all have finished, when the time is over, or when the drain is cut short. */
  async wait(finished: Promise<unknown>): Promise<void> {
    const over = new LinkedAbort([this.ended.signal]);
    await Promise.race([finished, this.clock.sleep(this.milliseconds, over.signal)]);
    over.abort();
  }
}
