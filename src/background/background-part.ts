import { limits } from '../limits.js';
import type { BackgroundHealth } from '../ports/background-health.js';
import { RetryableError, safeReason } from '../ports/errors.js';
import type { Meter } from '../ports/meter.js';

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

/** Logs and counts failures of background work, and holds the reasons of the parts that fail now. */
export class BackgroundFailures implements BackgroundHealth {
  private readonly reasons = new Map<string, string>();
  private readonly labels = new Map<string, string>();

  constructor(
    private readonly meter: Pick<Meter, 'backgroundFailed'>,
    private readonly logError: (facts: object, message: string) => void,
  ) {}

  get failing(): ReadonlyMap<string, string> {
    return this.reasons;
  }

  /** Of the parts that fail now. */
  get metricLabels(): ReadonlySet<string> {
    return new Set(this.labels.values());
  }

  failed(part: string, error: unknown, metricLabel = part): void {
    this.reasons.set(part, safeReason(error));
    this.labels.set(part, metricLabel);
    this.meter.backgroundFailed(metricLabel);
    this.logError({ part, err: error }, 'background work failed and will be retried');
  }

  recovered(part: string): void {
    this.reasons.delete(part);
    this.labels.delete(part);
  }
}
