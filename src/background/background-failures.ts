import type { BackgroundHealth } from '../ports/background-health.js';
import type { Meter } from '../ports/meter.js';
import { toldReason } from '../ports/told-reason.js';

/** Logs and counts what fails in the background, and knows which parts fail now, and why. */
export class BackgroundFailures implements BackgroundHealth {
  private readonly reasons = new Map<string, string>();

  constructor(
    private readonly meter: Pick<Meter, 'backgroundFailed'>,
    private readonly logError: (facts: object, message: string) => void,
  ) {}

  get failing(): ReadonlyMap<string, string> {
    return this.reasons;
  }

  failed(part: string, error: unknown): void {
    this.reasons.set(part, toldReason(error));
    this.meter.backgroundFailed(part);
    this.logError({ part, err: error }, 'background work failed, and will be tried again');
  }

  recovered(part: string): void {
    this.reasons.delete(part);
  }
}
