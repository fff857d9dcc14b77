import type { BackgroundHealth } from '../../ports/background-health.js';

const PART = 'log partitions';

/**
 * Keeps an empty partition ahead of the newest event, so that no append waits for one. Any process may make it: the
 * function in the database lets one at a time.
 */
export class Partitions {
  private needsOneFrom = 0n;
  private making: Promise<void> | undefined;
  private readonly stopping = new AbortController();

  /** `extend` makes what is missing, and answers from which position on it has to be called again. */
  constructor(
    private readonly extend: () => Promise<bigint>,
    private readonly health: BackgroundHealth,
    private readonly pauseAfterFailure: (signal: AbortSignal) => Promise<void>,
  ) {}

  /** An event was committed there. */
  see(position: bigint): void {
    if (position >= this.needsOneFrom) this.make();
  }

  make(): void {
    if (this.stopping.signal.aborted) return;
    this.making ??= this.untilMade(this.stopping.signal).finally(() => {
      this.making = undefined;
    });
  }

  /** A statement under way ends with the connections of the reader: a server that hangs would never answer it. */
  stop(): void {
    this.stopping.abort();
  }

  /**
   * Reports outages as well, unlike other parts: one partition is ahead, so each failure brings the moment nearer from
   * which no append succeeds.
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
