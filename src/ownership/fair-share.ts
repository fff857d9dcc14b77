import { BackgroundPart } from '../background/background-part.js';
import type { Lease } from '../ports/leases.js';
import type { OwnerParts, Part } from './sole-owner.js';

const RENEWALS_PER_LEASE = 3;

/**
 * Shares the parts of some work equally among processes. Each process has a seat, which is a lease, and the number of seats
 * is the number of processes. A process with more than its share releases a part instead of renewing it, and a process with
 * fewer claims that part.
 */
export class FairShare {
  private readonly seats: string;
  private readonly background: BackgroundPart;
  private seat: Lease | undefined;
  private sharers = 1;
  private parts = 0;
  /** How many parts this process works on, or is about to. */
  held = 0;

  constructor(
    work: string,
    private readonly owner: OwnerParts,
  ) {
    this.seats = `${work} seat`;
    this.background = new BackgroundPart('seats', owner.health);
  }

  /** So many parts there are in all. */
  outOf(parts: number): void {
    this.parts = parts;
  }

  /** One of the parts, as this process sees it. */
  part(): Part {
    let isHeld = false;
    const give = () => {
      if (isHeld) this.held -= 1;
      isHeld = false;
    };
    return {
      take: () => {
        if (!isHeld && this.held < this.quota) {
          isHeld = true;
          this.held += 1;
        }
        return isHeld;
      },
      give,
      giveUp: () => {
        const isTooMany = isHeld && this.held > this.quota;
        if (isTooMany) give();
        return isTooMany;
      },
    };
  }

  /** Has a seat until it is stopped. */
  async run(stop: AbortSignal): Promise<void> {
    const { clock, leaseMs } = this.owner;
    while (!stop.aborted) {
      const pauseMs = await this.background.attempt(() => this.look());
      await clock.sleep(Math.max(leaseMs / RENEWALS_PER_LEASE, pauseMs), stop);
    }
    const { seat } = this;
    if (seat) await this.background.attempt(() => this.owner.leases.release(seat));
  }

  private get quota(): number {
    return Math.ceil(this.parts / this.sharers);
  }

  private async look(): Promise<void> {
    const { leases, leaseMs } = this.owner;
    const isSeated = this.seat !== undefined && (await leases.renew(this.seat, leaseMs));
    if (!isSeated) this.seat = await this.takeSeat();
    this.sharers = Math.max(1, await leases.count(this.seats));
  }

  /** The first that is free: so there are never more names than there were processes at a time. */
  private async takeSeat(): Promise<Lease> {
    const { leases, holder, leaseMs } = this.owner;
    for (let nth = 1; ; nth++) {
      const seat = await leases.acquire(`${this.seats} ${nth}`, holder, leaseMs);
      if (seat) return seat;
    }
  }
}
