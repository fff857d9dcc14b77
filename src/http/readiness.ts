import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../limits.js';
import { RetryableError } from '../ports/errors.js';

/**
 * What became of a check. What is behind answers, and with what was true a while ago; what has stopped goes on only when
 * somebody sees to it: that is told, but no reason to send requests elsewhere, since every process has the same.
 */
export type Finding = 'ok' | 'behind' | 'stopped' | 'unavailable';

export interface Told {
  readonly is: Finding;
  /** For operators: names and numbers, never a person's text. */
  readonly reason?: string;
}

/** Throws RetryableError for what cannot be reached now. */
export type Check = () => Promise<Finding | Told>;
export type Checks = Readonly<Record<string, Check>>;

export interface ReadinessReport {
  readonly status: 'ready' | 'starting' | 'draining' | 'unavailable';
  readonly checks: Readonly<Record<string, Finding>>;
  /** Of those checks that told one; absent when none did. */
  readonly reasons?: Readonly<Record<string, string>>;
}

/** Whether this process should be sent requests, and if not, why. */
export class Readiness {
  private phase: 'starting' | 'serving' | 'draining' = 'starting';
  private readonly checks: Checks;

  constructor(checks: Checks) {
    this.checks = Object.fromEntries(Object.entries(checks).map(([name, check]) => [name, oneAtATime(inTime(check))]));
  }

  serve(): void {
    this.phase = 'serving';
  }

  /** From now on a load balancer looks elsewhere, while what is under way is finished. */
  drain(): void {
    this.phase = 'draining';
  }

  async report(): Promise<ReadinessReport> {
    const asked = Object.entries(this.checks).map(async ([name, check]) => [name, toldBy(await check())] as const);
    const found = await Promise.all(asked);
    const checks = Object.fromEntries(found.map(([name, { is }]) => [name, is]));
    const told = found.flatMap(([name, { reason }]) => (reason === undefined ? [] : [[name, reason] as const]));
    const reasons = told.length > 0 ? { reasons: Object.fromEntries(told) } : {};
    if (this.phase !== 'serving') return { status: this.phase, checks, ...reasons };
    const isAway = Object.values(checks).includes('unavailable');
    return { status: isAway ? 'unavailable' : 'ready', checks, ...reasons };
  }
}

const toldBy = (finding: Finding | Told): Told => (typeof finding === 'string' ? { is: finding } : finding);

/** Whoever asks waits no longer than those who ask usually do: what hangs is as good as away. */
function inTime(check: Check): Check {
  return async () => {
    const answered = new AbortController();
    const late = sleep(limits.readinessAnswerMs, 'unavailable' as const, { signal: answered.signal });
    late.catch(() => {});
    try {
      return await Promise.race([check(), late]);
    } catch (error) {
      if (error instanceof RetryableError) return 'unavailable';
      throw error;
    } finally {
      answered.abort();
    }
  };
}

/** It needs no key, and must be no way to make this process ask a database as often as somebody likes. */
function oneAtATime(check: Check): Check {
  let asked: Promise<Finding | Told> | undefined;
  return () => {
    asked ??= check().finally(() => {
      asked = undefined;
    });
    return asked;
  };
}
