import { LogUnavailable } from '../ports/errors.js';

export interface ReadinessReport {
  readonly status: 'ready' | 'starting' | 'draining' | 'unavailable';
  readonly checks: { readonly log: 'ok' | 'unavailable' };
}

/** Whether this process should be sent requests, and if not, why. */
export class Readiness {
  private phase: 'starting' | 'serving' | 'draining' = 'starting';

  /** `readLog` touches the log as any read would. */
  constructor(private readonly readLog: () => Promise<unknown>) {}

  serve(): void {
    this.phase = 'serving';
  }

  /** From now on a load balancer looks elsewhere, while what is under way is finished. */
  drain(): void {
    this.phase = 'draining';
  }

  async report(): Promise<ReadinessReport> {
    const log = await this.checkLog();
    if (this.phase !== 'serving') return { status: this.phase, checks: { log } };
    return { status: log === 'ok' ? 'ready' : 'unavailable', checks: { log } };
  }

  private async checkLog(): Promise<'ok' | 'unavailable'> {
    try {
      await this.readLog();
      return 'ok';
    } catch (error) {
      if (error instanceof LogUnavailable) return 'unavailable';
      throw error;
    }
  }
}
