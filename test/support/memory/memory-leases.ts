import type { Clock } from '../../../src/ports/clock.js';
import type { Lease, Leases } from '../../../src/ports/leases.js';

interface Held {
  lease: Lease;
  expiresAt: number;
}

export class MemoryLeases implements Leases {
  private readonly held = new Map<string, Held>();

  constructor(private readonly clock: Pick<Clock, 'now'>) {}

  async acquire(name: string, holder: string, durationMs: number): Promise<Lease | undefined> {
    const current = this.held.get(name);
    if (current && current.expiresAt > this.clock.now()) return undefined;
    const lease = { name, holder, epoch: (current?.lease.epoch ?? 0) + 1 };
    this.held.set(name, { lease, expiresAt: this.clock.now() + durationMs });
    return lease;
  }

  async renew(lease: Lease, durationMs: number): Promise<boolean> {
    const current = this.held.get(lease.name);
    if (!current || current.lease.epoch !== lease.epoch || current.expiresAt <= this.clock.now()) return false;
    current.expiresAt = this.clock.now() + durationMs;
    return true;
  }

  async release(lease: Lease): Promise<void> {
    const current = this.held.get(lease.name);
    if (current?.lease.epoch === lease.epoch) current.expiresAt = 0;
  }

  async count(namesBeginning: string): Promise<number> {
    const held = [...this.held].filter(
      ([name, { expiresAt }]) => name.startsWith(namesBeginning) && expiresAt > this.clock.now(),
    );
    return held.length;
  }
}
