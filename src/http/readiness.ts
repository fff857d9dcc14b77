/**
 * The result of a check. `behind`: the part answers with data that is older than it should be. `failing`: the part meets errors
 * that are not outages, and tries again. `stopped`: the part goes on only after an operator acts. None of them makes the
 * process unready, because every other process has the same finding.
 */
export type Finding = 'ok' | 'behind' | 'failing' | 'stopped' | 'unavailable';

export interface Told {
  readonly is: Finding;
  /** For operators: names and numbers, never a person's text. */
  readonly reason?: string;
}

/** Reads what is known already. It asks no store, so that an answer never waits for one. */
export type Check = () => Told;

export interface ReadinessReport {
  readonly status: 'ready' | 'starting' | 'draining' | 'unavailable';
  readonly checks: Readonly<Record<string, Finding>>;
  /** Of the checks that give a reason; absent when none does. */
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

  /** From now on a load balancer looks elsewhere, while what is under way is finished. */
  drain(): void {
    this.phase = 'draining';
  }

  report(): ReadinessReport {
    const found = [...this.checks].map(([name, check]) => [name, check()] as const);
    const checks = Object.fromEntries(found.map(([name, { is }]) => [name, is]));
    const told = found.flatMap(([name, { reason }]) => (reason === undefined ? [] : [[name, reason] as const]));
    const reasons = told.length > 0 ? { reasons: Object.fromEntries(told) } : {};
    if (this.phase !== 'serving') return { status: this.phase, checks, ...reasons };
    const isAway = Object.values(checks).includes('unavailable');
    return { status: isAway ? 'unavailable' : 'ready', checks, ...reasons };
  }
}
