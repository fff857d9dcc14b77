import { describe, expect, it } from '@jest/globals';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { FairShare } from '../../src/ownership/fair-share.js';
import type { Part } from '../../src/ownership/sole-owner.js';
import { MemoryHints } from '../support/memory/memory-hints.js';
import { MemoryLeases } from '../support/memory/memory-leases.js';
import { RecordedHealth } from '../support/recorded-health.js';

async function sharing(leases: MemoryLeases, holder: string) {
  const stopping = new AbortController();
  const share = new FairShare('work', {
    leases,
    hints: new MemoryHints(),
    holder,
    leaseMs: 60_000,
    clock: systemClock,
    health: new RecordedHealth(),
  });
  share.outOf(4);
  const running = share.run(stopping.signal);
  await new Promise((resolve) => setImmediate(resolve));
  const parts: Part[] = Array.from({ length: 4 }, () => share.part());
  const stop = async () => {
    stopping.abort();
    await running;
  };
  return { share, parts, stop };
}

const several = (parts: readonly Part[], act: (part: Part) => boolean) => parts.filter(act).length;

describe('a share of several parts', () => {
  it('is all of them for who is alone, and half with another one', async () => {
    const leases = new MemoryLeases(systemClock);
    const one = await sharing(leases, 'one');
    expect(several(one.parts, (part) => part.take())).toBe(4);
    const other = await sharing(leases, 'other');
    expect(several(other.parts, (part) => part.take())).toBe(2);
    expect(other.share.held).toBe(2);
    await Promise.all([one.stop(), other.stop()]);
  });

  it('is given up one by one although all are asked at once, and no further', async () => {
    const leases = new MemoryLeases(systemClock);
    const first = await sharing(leases, 'first');
    const { parts, share, stop } = await sharing(leases, 'second');
    await first.stop();
    share.outOf(8);
    expect(several(parts, (part) => part.take())).toBe(4);
    share.outOf(4);
    expect(several(parts, (part) => part.giveUp())).toBe(2);
    expect(several(parts, (part) => part.giveUp())).toBe(0);
    for (const part of parts) part.give();
    for (const part of parts) part.give();
    expect(share.held).toBe(0);
    await stop();
  });
});
