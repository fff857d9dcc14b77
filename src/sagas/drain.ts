import { LinkedAbort } from '../background/linked-abort.js';
import type { Clock } from '../ports/clock.js';

/** The time that a stopping process gives its open generations. */
export class Drain {
  private readonly ended = new AbortController();

  constructor(
    private readonly milliseconds: number,
    private readonly clock: Pick<Clock, 'sleep'>,
  ) {}

  /** Ends the drain early, when another process can continue the open generations. */
  cutShort(): void {
    this.ended.abort();
  }

  /** Resolves when all have finished, when the time is over, or when `cutShort` is called. */
  async wait(finished: Promise<unknown>): Promise<void> {
    const over = new LinkedAbort([this.ended.signal]);
    await Promise.race([finished, this.clock.sleep(this.milliseconds, over.signal)]);
    over.abort();
  }
}
