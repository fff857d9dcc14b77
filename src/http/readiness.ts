import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../limits.js';
import { RetryableError } from '../ports/errors.js';

/**
 * What became of a check. What is behind answers, and with what was true a while ago: that is told, but no reason to send
 * requests elsewhere, since every process reads the same.
 */
export type Finding = 'ok' | 'behind' | 'unavailable';

/** Throws RetryableError for what cannot be reached now. */
export type Check = () => Promise<Finding>;
export type Checks = Readonly<Record<string, Check>>;

export interface ReadinessReport {
  readonly status: 'ready' | 'starting' | 'draining' | 'unavailable';
  readonly checks: Readonly<Record<string, Finding>>;
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
    const found = Object.entries(this.checks).map(async ([name, check]) => [name, await check()] as const);
    const checks = Object.fromEntries(await Promise.all(found));
    if (this.phase !== 'serving') return { status: this.phase, checks };
    return { status: Object.values(checks).includes('unavailable') ? 'unavailable' : 'ready', checks };
  }
}

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
  let asked: Promise<Finding> | undefined;
  return () => {
    asked ??= check().finally(() => {
      asked = undefined;
    });
    return asked;
  };
}
