import type { Clock } from '../../src/ports/clock.js';

interface Sleeper {
  readonly untilMs: number;
  readonly wake: () => void;
}

/** Time that passes only when a test lets it pass. The wall clock can be set without any time passing. */
export class ManualClock implements Clock {
  private elapsedMs = 0;
  private wallMs = Date.parse('2026-01-01T00:00:00Z');
  private readonly sleepers = new Set<Sleeper>();

  now(): number {
    return this.wallMs + this.elapsedMs;
  }

  monotonic(): number {
    return this.elapsedMs;
  }

  setWallClock(byMs: number): void {
    this.wallMs += byMs;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = () => {
        this.sleepers.delete(sleeper);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper = { untilMs: this.elapsedMs + Math.max(0, milliseconds), wake };
      this.sleepers.add(sleeper);
      signal?.addEventListener('abort', wake);
    });
  }

  /** Wakes each sleeper at its own moment, and lets what it does come to rest before the next one. */
  async pass(milliseconds: number): Promise<void> {
    const endMs = this.elapsedMs + milliseconds;
    for (;;) {
      await settled();
      const next = [...this.sleepers].sort((one, other) => one.untilMs - other.untilMs)[0];
      if (!next || next.untilMs > endMs) break;
      this.elapsedMs = Math.max(this.elapsedMs, next.untilMs);
      next.wake();
    }
    this.elapsedMs = endMs;
    await settled();
  }
}

/** Several turns of the event loop: a chain of promises in memory is at rest by then. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
