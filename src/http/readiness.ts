/**
 * The result of a check. `behind`: the part answers with data that is older than it should be. `failing`: the part meets errors
 * that are not outages, and tries again. `stopped`: the part goes on only after an operator acts. None of them makes the
 * process unready, because every other process has the same finding.
 */
export type CheckStatus = 'ok' | 'behind' | 'failing' | 'stopped' | 'unavailable';

export interface CheckResult {
  readonly is: CheckStatus;
  /** For operators: names and numbers, never a person's text. */
  readonly reason?: string;
}

/** Returns the latest known finding. It queries no store, so the answer never waits. */
export type Check = () => CheckResult;

export interface ReadinessReport {
  readonly status: 'ready' | 'starting' | 'draining' | 'unavailable';
  readonly checks: Readonly<Record<string, CheckStatus>>;
  /** The reasons of the checks that give one. Absent when there are none. */
  readonly reasons?: Readonly<Record<string, string>>;
}

/** Whether a load balancer should send requests to this process, and if not, why. */
export class Readiness {
  private phase: 'starting' | 'serving' | 'draining' = 'starting';

  private readonly checks = new Map<string, Check>();

  add(name: string, check: Check): void {
    this.checks.set(name, check);
  }

  serve(): void {
    this.phase = 'serving';
  }

  /** From now on load balancers choose other processes, and this one finishes open requests. */
  drain(): void {
    this.phase = 'draining';
  }

  report(): ReadinessReport {
    const found = [...this.checks].map(([name, check]) => [name, check()] as const);
    const checks = Object.fromEntries(found.map(([name, { is }]) => [name, is]));
    const withReason = found.flatMap(([name, { reason }]) => (reason === undefined ? [] : [[name, reason] as const]));
    const reasons = withReason.length > 0 ? { reasons: Object.fromEntries(withReason) } : {};
    if (this.phase !== 'serving') return { status: this.phase, checks, ...reasons };
    const isAway = Object.values(checks).includes('unavailable');
    return { status: isAway ? 'unavailable' : 'ready', checks, ...reasons };
  }
}
