import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import { RetryableError } from '../ports/errors.js';
import type { Lease, Leases } from '../ports/leases.js';
import type { Part } from './part.js';

export interface OwnerParts {
  readonly leases: Leases;
  readonly clock: Clock;
  /** Who holds the lease: unique for each process. */
  readonly holder: string;
  readonly leaseMs: number;
}

/** What is done by one owner at a time, among all processes. */
export interface SoleWork {
  /** Names the lease. */
  readonly name: string;
  /** Done while the lease is held, and until `over`. What it throws as retryable is tried again, anything else ends the work. */
  readonly own: (lease: Lease, over: AbortSignal) => Promise<void>;
  /** One of several that are shared out; nothing said: it is owned wherever it is free. */
  readonly part?: Part;
  /** Called each time the lease was renewed; with false the owner steps down. */
  readonly onRenewed?: (lease: Lease) => Promise<boolean | undefined>;
  /** Another owns it, or the stores are away. */
  readonly onWaiting?: () => void;
}

/** Renewed thrice in its time, so that one slow answer does not lose it. */
const RENEWALS_PER_LEASE = 3;

/** Holds a lease whenever it can, and works while it does. The epoch of the lease tells a later owner from an earlier one. */
export class SoleOwner {
  constructor(
    private readonly work: SoleWork,
    private readonly parts: OwnerParts,
  ) {}

  async run(stop: AbortSignal): Promise<void> {
    const { leases, clock, holder, leaseMs } = this.parts;
    const { part } = this.work;
    while (!stop.aborted) {
      try {
        const isWanted = part?.take() ?? true;
        const lease = isWanted ? await leases.acquire(this.work.name, holder, leaseMs) : undefined;
        if (lease) await this.own(lease, stop);
      } catch (error) {
        if (!(error instanceof RetryableError)) throw error;
      } finally {
        part?.give();
      }
      this.work.onWaiting?.();
      await clock.sleep(Math.min(leaseMs / RENEWALS_PER_LEASE, limits.freeLeaseLookMs), stop);
    }
  }

  private async own(lease: Lease, stop: AbortSignal): Promise<void> {
    const lost = new AbortController();
    const over = AbortSignal.any([stop, lost.signal]);
    const renewing = this.renew(lease, over).finally(() => lost.abort());
    try {
      await this.work.own(lease, over);
    } finally {
      lost.abort();
      await renewing;
      await this.parts.leases.release(lease).catch(ifOutage);
    }
  }

  /** Ends when the lease is lost, or cannot be renewed in time: from then on another may own it. */
  private async renew(lease: Lease, over: AbortSignal): Promise<void> {
    const { leases, clock, leaseMs } = this.parts;
    let goodUntil = clock.now() + leaseMs;
    while (!over.aborted) {
      await clock.sleep(leaseMs / RENEWALS_PER_LEASE, over);
      if (over.aborted) return;
      const asked = clock.now();
      const renewed = await this.inTime(leases.renew(lease, leaseMs).catch(ifOutage), goodUntil - asked, over);
      if (renewed) goodUntil = asked + leaseMs;
      if (renewed === false || clock.now() >= goodUntil) return;
      if ((await this.work.onRenewed?.(lease).catch(ifOutage)) === false) return;
      if (this.work.part?.giveUp()) return;
    }
  }

  /** An answer that does not come must not keep an owner past its time. */
  private async inTime<T>(answer: Promise<T>, milliseconds: number, over: AbortSignal): Promise<T | undefined> {
    const answered = new AbortController();
    const tooLate = this.parts.clock.sleep(milliseconds, AbortSignal.any([over, answered.signal]));
    try {
      return await Promise.race([answer, tooLate.then(() => undefined)]);
    } finally {
      answered.abort();
    }
  }
}

function ifOutage(error: unknown): undefined {
  if (!(error instanceof RetryableError)) throw error;
  return undefined;
}
