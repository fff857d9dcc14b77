import { BackgroundPart } from '../background/background-part.js';
import { untilAborted } from '../background/deadline.js';
import { LinkedAbort } from '../background/linked-abort.js';
import { limits } from '../limits.js';
import type { BackgroundHealth } from '../ports/background-health.js';
import type { Clock } from '../ports/clock.js';
import { TerminalError } from '../ports/errors.js';
import type { Hints } from '../ports/hints.js';
import type { Lease, Leases } from '../ports/leases.js';

/**
 * One of several pieces of work that are shared out. It counts from the moment of the decision: several are decided about
 * at once, and each takes a while to begin and to end.
 */
export interface Part {
  /** False when this process has its share without it. */
  take(): boolean;
  give(): void;
  /** True when this process had too many; then it is given. */
  giveUp(): boolean;
}

export interface OwnerParts {
  readonly leases: Leases;
  readonly clock: Clock;
  readonly health: BackgroundHealth;
  readonly hints: Hints;
  /** The holder of the lease, unique for each process. */
  readonly holder: string;
  readonly leaseMs: number;
}

/** Work with one owner at a time among all processes. */
export interface SoleWork {
  /** Names the lease. */
  readonly name: string;
  /** For works of ever new names, of which metrics would keep one series each. Without it the name is the label. */
  readonly metricLabel?: string;
  /** Runs while the lease is held, until `over`. A TerminalError ends the work for good; after any other error it restarts. */
  readonly own: (lease: Lease, over: AbortSignal) => Promise<void>;
  /** The share to which the work belongs. Absent: any process claims it when it is free. */
  readonly part?: Part;
  /** Called each time the lease was renewed; with false the owner steps down. */
  readonly onRenewed?: (lease: Lease) => Promise<boolean | undefined>;
  /** Another owns it, or the stores are away. */
  readonly onWaiting?: () => void;
}

/** The time until which this process holds a lease for certain, on its own monotonic clock. */
interface Tenure {
  untilMs: number;
}

/** Renewed thrice in its time, so that one slow answer does not lose it. */
const RENEWALS_PER_LEASE = 3;

/** Claims a lease whenever it is free, and works while it holds it. A later owner has a higher epoch. */
export class SoleOwner {
  private readonly background: BackgroundPart;

  constructor(
    private readonly work: SoleWork,
    private readonly parts: OwnerParts,
  ) {
    this.background = new BackgroundPart(work.name, parts.health, work.metricLabel);
  }

  /** Rejects only with the TerminalError that ended the work. */
  async run(stop: AbortSignal): Promise<void> {
    const { leaseMs } = this.parts;
    const lookMs = Math.min(leaseMs / RENEWALS_PER_LEASE, limits.freeLeaseLookMs);
    while (!stop.aborted) {
      let end: TerminalError | undefined;
      const pauseMs = await this.background.attempt(async () => {
        end = await terminalErrorOf(this.ownOnce(stop));
      });
      if (end) throw end;
      this.work.onWaiting?.();
      await this.untilFree(lookMs, pauseMs, stop);
    }
    // Stopped work is not retried, so its failure would be reported for ever.
    this.background.recovered();
  }

  /** A hint that the lease was released ends the wait, but not the pause after a failure. */
  private async untilFree(lookMs: number, pauseMs: number, stop: AbortSignal): Promise<void> {
    const { clock, hints } = this.parts;
    const freed = new LinkedAbort([stop]);
    const unlisten = hints.listen(releaseOf(this.work.name), () => freed.abort());
    if (pauseMs > 0) await clock.sleep(pauseMs, stop);
    await clock.sleep(Math.max(0, lookMs - pauseMs), freed.signal);
    unlisten();
    freed.release();
  }

  private async ownOnce(stop: AbortSignal): Promise<void> {
    const { leases, clock, holder, leaseMs } = this.parts;
    const { part, name } = this.work;
    try {
      if (part && !part.take()) return;
      // The store counts from a later moment, even if its answer comes late.
      const askedMs = clock.monotonic();
      const lease = await leases.acquire(name, holder, leaseMs);
      if (lease) await this.own(lease, { untilMs: askedMs + leaseMs }, stop);
    } finally {
      part?.give();
    }
  }

  private async own(lease: Lease, tenure: Tenure, stop: AbortSignal): Promise<void> {
    const over = new LinkedAbort([stop]);
    const keeping = Promise.all([this.endInTime(tenure, over), this.keepRenewing(lease, tenure, over)]);
    try {
      if (!over.signal.aborted) await this.work.own(lease, over.signal);
    } finally {
      over.abort();
      await keeping;
      await this.parts.leases.release(lease).catch((error) => this.background.failed(error));
      this.parts.hints.send(releaseOf(lease.name));
    }
  }

  /** From now on another process may own it, even if an answer of the store is open. */
  private async endInTime(tenure: Tenure, over: LinkedAbort): Promise<void> {
    const { clock } = this.parts;
    while (!over.signal.aborted) {
      const leftMs = tenure.untilMs - clock.monotonic();
      if (leftMs <= 0) over.abort();
      else await clock.sleep(leftMs, over.signal);
    }
  }

  private async keepRenewing(lease: Lease, tenure: Tenure, over: LinkedAbort): Promise<void> {
    const { clock, leaseMs } = this.parts;
    let askedMs = tenure.untilMs - leaseMs;
    while (!over.signal.aborted) {
      await clock.sleep(Math.max(0, askedMs + leaseMs / RENEWALS_PER_LEASE - clock.monotonic()), over.signal);
      if (over.signal.aborted) return;
      askedMs = clock.monotonic();
      await untilAborted(this.renew(lease, tenure, over), over.signal);
    }
  }

  /** Never rejects. An answer after `over` changes nothing. */
  private async renew(lease: Lease, tenure: Tenure, over: LinkedAbort): Promise<void> {
    const { leases, clock, leaseMs } = this.parts;
    const { onRenewed, part } = this.work;
    const askedMs = clock.monotonic();
    try {
      const isRenewed = await leases.renew(lease, leaseMs);
      if (over.signal.aborted) return;
      if (!isRenewed) return over.abort();
      tenure.untilMs = askedMs + leaseMs;
      this.background.recovered();
      const stays = (await onRenewed?.(lease)) !== false;
      if (!over.signal.aborted && (!stays || part?.giveUp())) over.abort();
    } catch (error) {
      this.background.failed(error);
    }
  }
}

const releaseOf = (lease: string): string => `released ${lease}`;

async function terminalErrorOf(work: Promise<void>): Promise<TerminalError | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof TerminalError) return error;
    throw error;
  }
}
