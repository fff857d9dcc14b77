import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import type { Clock } from '../ports/clock.js';
import type { Moments } from '../ports/language-model.js';

/**
 * Ticks for all answers of this process. All texts that wait for a tick are appended in the same turn of the event loop, so
 * they share one batch and one flush.
 */
export class FlushClock implements Moments {
  private reading: (() => void)[] = [];
  private waiting: (() => void)[] = [];
  private isRunning = false;

  constructor(
    private readonly clock: Pick<Clock, 'monotonic' | 'sleep'>,
    private readonly intervalMs: number,
  ) {}

  /** Calls back at the next tick, before texts are appended. */
  readAtNext(call: () => void): void {
    this.reading.push(call);
    this.run();
  }

  /** Calls back at the next tick, which is at most one interval away. */
  atNext(call: () => void): void {
    this.waiting.push(call);
    this.run();
  }

  /** The timer runs only while a callback waits. */
  private run(): void {
    if (this.isRunning) return;
    this.isRunning = true;
    void this.callAtNext();
  }

  private async callAtNext(): Promise<void> {
    const { clock, intervalMs } = this;
    await clock.sleep(intervalMs > 0 ? Math.ceil(intervalMs - (clock.monotonic() % intervalMs)) : 0);
    const { reading } = this;
    this.reading = [];
    for (const call of reading) call();
    // Texts arrive through promises. In the next turn of the event loop all of them wait to be appended.
    if (reading.length > 0) await turnOfTheLoop();
    const { waiting } = this;
    this.waiting = [];
    this.isRunning = false;
    for (const call of waiting) call();
    if (this.reading.length > 0) this.run();
  }
}
