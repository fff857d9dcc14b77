import type { BackgroundHealth } from '../ports/background-health.js';
import { safeReason } from '../ports/errors.js';
import type { Meter } from '../ports/meter.js';

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
