import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import { networkOf } from './networks.js';

interface FailureBudget {
  left: number;
  countedAt: number;
}

/**
 * Limits the wrong keys of each address. Valid keys always pass, so one user with a wrong key does not lock out others at the
 * same address.
 */
export class FailedKeys {
  /** The address that failed the longest ago comes first, and is forgotten first. */
  private readonly ofAddresses = new Map<string, FailureBudget>();

  constructor(private readonly clock: Pick<Clock, 'monotonic'>) {}

  /** Counts a wrong key. Answers with the time until the next one is allowed when this one was too many. */
  count(address: string): number | undefined {
    const who = networkOf(address);
    const allowance = this.allowanceOf(who);
    this.ofAddresses.delete(who);
    this.ofAddresses.set(who, allowance);
    if (this.ofAddresses.size > limits.failingAddressesMax) this.forgetOldest();
    if (allowance.left >= 1) {
      allowance.left -= 1;
      return undefined;
    }
    return Math.ceil((1 - allowance.left) * limits.failedKeyEveryMs);
  }

  /** Whether the next wrong key of this address would be too many. */
  isExhausted(address: string): boolean {
    return this.allowanceOf(networkOf(address)).left < 1;
  }

  private allowanceOf(who: string): FailureBudget {
    const now = this.clock.monotonic();
    const { left, countedAt } = this.ofAddresses.get(who) ?? { left: limits.failedKeysAtOnceMax, countedAt: now };
    const regained = (now - countedAt) / limits.failedKeyEveryMs;
    return { left: Math.min(limits.failedKeysAtOnceMax, left + regained), countedAt: now };
  }

  private forgetOldest(): void {
    const [oldest] = this.ofAddresses.keys();
    if (oldest !== undefined) this.ofAddresses.delete(oldest);
  }
}
