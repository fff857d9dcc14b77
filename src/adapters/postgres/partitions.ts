import type { BackgroundHealth } from '../../ports/background-health.js';

const PART = 'log partitions';

/**
 * Keeps an empty partition ahead of the newest event, so that no append waits for one. Any process may create it; the
 * function in the database admits one at a time.
 */
export class Partitions {
  private needsOneFrom = 0n;
  private making: Promise<void> | undefined;
  private readonly stopping = new AbortController();

  /** `extend` creates missing partitions. Returns the position from which it has to be called again. */
  constructor(
    private readonly extend: () => Promise<bigint>,
    private readonly health: BackgroundHealth,
    private readonly pauseAfterFailure: (signal: AbortSignal) => Promise<void>,
  ) {}

  /** Reports a committed position. */
  see(position: bigint): void {
    if (position >= this.needsOneFrom) this.make();
  }

  make(): void {
    if (this.stopping.signal.aborted) return;
    this.making ??= this.untilMade(this.stopping.signal).finally(() => {
      this.making = undefined;
    });
  }

  /** Does not wait for an open statement, which ends with the connections of the reader: a hanging server never answers it. */
  stop(): void {
    this.stopping.abort();
  }

  /**
   * Reports outages too, unlike other parts: only one partition is ahead, and when it is full no append succeeds.
   */
  private async untilMade(stopping: AbortSignal): Promise<void> {
    while (!stopping.aborted) {
      try {
        this.needsOneFrom = await this.extend();
        this.health.recovered(PART);
        return;
      } catch (error) {
        if (stopping.aborted) return;
        this.health.failed(PART, error);
        await this.pauseAfterFailure(stopping);
      }
    }
  }
}
