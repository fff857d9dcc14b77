import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import type { Clock } from '../ports/clock.js';
import type { Moments } from '../ports/language-model.js';

/**
 * The moments at which the texts of all answers of this process are appended. Everything that waits for one of them
 * appends in the same turn of the event loop, so it shares one batch and one flush.
 */
export class FlushClock implements Moments {
  private reading: (() => void)[] = [];
  private waiting: (() => void)[] = [];
  private isRunning = false;

  constructor(
    private readonly clock: Pick<Clock, 'monotonic' | 'sleep'>,
    private readonly intervalMs: number,
  ) {}

  /** Calls back at the next moment, before texts are appended at it. */
  readAtNext(call: () => void): void {
    this.reading.push(call);
    this.run();
  }

  /** Calls back at the next moment, which is at most one interval away. */
  atNext(call: () => void): void {
    this.waiting.push(call);
    this.run();
  }

  /** The timer runs only while something waits: an idle process does nothing. */
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
    // What is read comes through promises. In the next turn of the loop all of it waits to be appended.
    if (reading.length > 0) await turnOfTheLoop();
    const { waiting } = this;
    this.waiting = [];
    this.isRunning = false;
    for (const call of waiting) call();
    if (this.reading.length > 0) this.run();
  }
}
