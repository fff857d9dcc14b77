import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SoleOwner, type SoleWork } from '../../../src/ownership/sole-owner.js';
import { RetryableError, TerminalError } from '../../../src/ports/errors.js';
import type { Lease, Leases } from '../../../src/ports/leases.js';
import { ManualClock } from '../../support/manual-clock.js';
import { MemoryHints } from '../../support/memory/memory-hints.js';
import { MemoryLeases } from '../../support/memory/memory-leases.js';
import { RecordedHealth } from '../../support/recorded-health.js';

const LEASE_MS = 9_000;
/** In other words than our own errors: what a database says to a statement that it refuses. */
const denied = () => Object.assign(new Error('permission denied for table leases'), { code: '42501' });

describe('a sole owner', () => {
  let clock: ManualClock;
  let store: MemoryLeases;
  let leases: Leases;
  let health: RecordedHealth;
  let stopping: AbortController;
  let running: Promise<void>;
  /** Each time the work began, until which moment it believed to own. */
  let hints: MemoryHints;
  let tenures: { readonly begunMs: number; endedMs: number }[];

  beforeEach(() => {
    clock = new ManualClock();
    hints = new MemoryHints();
    store = new MemoryLeases({ now: () => clock.monotonic() });
    leases = {
      acquire: (...args) => store.acquire(...args),
      renew: (...args) => store.renew(...args),
      release: (...args) => store.release(...args),
      count: (...args) => store.count(...args),
    };
    health = new RecordedHealth();
    stopping = new AbortController();
    running = Promise.resolve();
    tenures = [];
  });

  afterEach(async () => {
    stopping.abort();
    await clock.pass(0);
    await running;
  });

  function start(work: Partial<SoleWork> = {}): void {
    const own = async (_: unknown, over: AbortSignal) => {
      const tenure = { begunMs: clock.monotonic(), endedMs: Number.POSITIVE_INFINITY };
      tenures.push(tenure);
      if (!over.aborted) await new Promise((resolve) => over.addEventListener('abort', resolve, { once: true }));
      tenure.endedMs = clock.monotonic();
    };
    const owner = new SoleOwner(
      { name: 'work', own, ...work },
      { leases, hints, clock, health, holder: 'a', leaseMs: LEASE_MS },
    );
    running = owner.run(stopping.signal);
  }

  const isFree = async () => (await store.acquire('work', 'another', 1)) !== undefined;

  it('keeps its lease for as long as it renews it', async () => {
    start();
    await clock.pass(10 * LEASE_MS);
    expect(tenures).toEqual([{ begunMs: 0, endedMs: Number.POSITIVE_INFINITY }]);
  });

  it.each([
    ['back by an hour', -3_600_000],
    ['forward by an hour', 3_600_000],
  ])('owns no longer and no shorter when the wall clock is set %s', async (_, byMs) => {
    start();
    await clock.pass(LEASE_MS / 2);
    clock.setWallClock(byMs);
    await clock.pass(2 * LEASE_MS);
    expect(tenures).toEqual([{ begunMs: 0, endedMs: Number.POSITIVE_INFINITY }]);
    leases.renew = () => new Promise(() => {});
    await clock.pass(LEASE_MS);
    // Asked for the last time at 21,000 ms.
    expect(tenures[0]).toEqual({ begunMs: 0, endedMs: 21_000 + LEASE_MS });
  });

  it('counts its lease from the question, not from an answer that came late', async () => {
    leases.acquire = async (...args) => {
      const lease = await store.acquire(...args);
      if (tenures.length === 0) await clock.sleep(LEASE_MS - 1_000);
      return lease;
    };
    leases.renew = () => new Promise(() => {});
    start();
    await clock.pass(LEASE_MS + 100);
    expect(tenures).toEqual([{ begunMs: LEASE_MS - 1_000, endedMs: LEASE_MS }]);
  });

  it('begins nothing when the answer came after the lease had run out', async () => {
    leases.acquire = async (...args) => {
      const lease = await store.acquire(...args);
      await clock.sleep(LEASE_MS);
      return lease;
    };
    start();
    await clock.pass(LEASE_MS + 500);
    expect(tenures).toEqual([]);
  });

  it('steps down in time although the answer to a renewal comes late, and counts that one from its question too', async () => {
    leases.renew = async (...args) => {
      const isRenewed = await store.renew(...args);
      await clock.sleep(LEASE_MS / 2);
      return isRenewed;
    };
    start();
    await clock.pass(LEASE_MS);
    leases.renew = () => new Promise(() => {});
    await clock.pass(2 * LEASE_MS);
    // Asked for after a third of the lease, and once more as soon as that was answered.
    const lastAskedMs = LEASE_MS / 3 + LEASE_MS / 2;
    expect(tenures[0]).toEqual({ begunMs: 0, endedMs: lastAskedMs + LEASE_MS });
  });

  it('steps down in time although its checkpoint cannot be saved', async () => {
    let hangs = false;
    start({ onRenewed: () => (hangs ? new Promise(() => {}) : Promise.resolve(true)) });
    await clock.pass(LEASE_MS);
    hangs = true;
    await clock.pass(LEASE_MS / 3);
    leases.renew = () => new Promise(() => {});
    await clock.pass(2 * LEASE_MS);
    expect(tenures[0]?.endedMs).toBeLessThanOrEqual((LEASE_MS * 4) / 3 + LEASE_MS);
  });

  it.each(['acquire', 'renew', 'release'] as const)(
    'reports an unexpected error of %s, rejects nothing, and owns again when it has passed',
    async (call) => {
      leases[call] = async () => {
        throw denied();
      };
      let begun = 0;
      start({
        own: async (_, over) => {
          begun += 1;
          await clock.sleep(2 * LEASE_MS, over);
        },
      });
      await clock.pass(4 * LEASE_MS);
      expect(health.failures[0]).toEqual({ part: 'work', error: denied() });
      leases[call] = (...args: never[]) => (store[call] as (...args: never[]) => Promise<never>)(...args);
      const before = begun;
      await clock.pass(6 * LEASE_MS);
      expect(begun).toBeGreaterThan(before);
      expect(health.failing).toEqual(new Set());
    },
  );

  it('begins again, after ever longer pauses, when its work fails unexpectedly', async () => {
    const beganMs: number[] = [];
    start({
      own: async () => {
        beganMs.push(clock.monotonic());
        throw denied();
      },
    });
    await clock.pass(120_000);
    expect(health.failing).toEqual(new Set(['work']));
    const pauses = beganMs.slice(1).map((ms, nth) => ms - (beganMs[nth] ?? 0));
    expect(pauses.slice(0, 6)).toEqual([1_000, 1_000, 2_000, 4_000, 8_000, 16_000]);
    expect(Math.max(...pauses)).toBe(30_000);
  });

  it('is no longer failing after it was stopped', async () => {
    start({
      own: async () => {
        throw denied();
      },
    });
    await clock.pass(LEASE_MS);
    expect(health.failing).toEqual(new Set(['work']));
    stopping.abort();
    await clock.pass(0);
    await running;
    expect(health.failing).toEqual(new Set());
  });

  it('reports no outage, and asks again at its usual pace', async () => {
    let asked = 0;
    leases.acquire = async () => {
      asked += 1;
      throw new RetryableError('away');
    };
    start();
    await clock.pass(10_500);
    expect(health.failures).toEqual([]);
    expect(asked).toBe(11);
  });

  it('ends with a terminal error of its work, and frees the lease', async () => {
    const refused = new TerminalError('refused');
    start({
      own: async () => {
        throw refused;
      },
    });
    const ended = running;
    running = ended.catch(() => {});
    await expect(ended).rejects.toBe(refused);
    expect(await isFree()).toBe(true);
    expect(health.failures).toEqual([]);
  });

  it('takes a lease over as soon as another process says that it has released it', async () => {
    const held = await store.acquire('work', 'another', 100 * LEASE_MS);
    start();
    await clock.pass(LEASE_MS);
    expect(tenures).toEqual([]);
    await store.release(held as Lease);
    hints.send('released work');
    await clock.pass(0);
    expect(tenures).toHaveLength(1);
  });

  it('says that it has released its lease', async () => {
    let released = 0;
    hints.listen('released work', () => {
      released += 1;
    });
    start();
    await clock.pass(0);
    expect(released).toBe(0);
    stopping.abort();
    await clock.pass(0);
    await running;
    expect(released).toBe(1);
  });
});
