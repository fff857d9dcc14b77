import { limits } from '../limits.js';
import type { BackgroundHealth } from '../ports/background-health.js';
import { RetryableError } from '../ports/errors.js';

/**
 * One part of the work that runs in the background, and the owner of its promises. An error is reported and the work is
 * tried again after a growing pause: an unhandled rejection would end the process, and the API with it.
 */
export class BackgroundPart {
  private pauseMs = 0;

  constructor(
    private readonly name: string,
    private readonly health: BackgroundHealth,
    private readonly metricLabel: string = name,
  ) {}

  /** Never rejects. Resolves to the pause, in milliseconds, that the next attempt needs at least. */
  async attempt(work: () => Promise<void>): Promise<number> {
    try {
      await work();
      this.recovered();
      return 0;
    } catch (error) {
      return this.failed(error);
    }
  }

  /** An outage is not reported, and each part already has a pace at which it asks again. */
  failed(error: unknown): number {
    if (error instanceof RetryableError) return 0;
    this.health.failed(this.name, error, this.metricLabel);
    const { first, most } = limits.backgroundBackoffMs;
    this.pauseMs = Math.min(most, Math.max(first, this.pauseMs * 2));
    return this.pauseMs;
  }

  recovered(): void {
    this.pauseMs = 0;
    this.health.recovered(this.name);
  }
}
