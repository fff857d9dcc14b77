import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Lease, Leases } from '../../src/ports/leases.js';
import { until } from '../support/until.js';

/** Leases that several processes share. */
export interface LeaseStore {
  open(): Promise<Leases>;
  destroy(): Promise<void>;
}

/** Longer than any test, so only a test that says so sees a lease run out. */
const LONG_MS = 600_000;

/** What every keeper of leases must do. Each test has names of its own, so they share a store. */
export function leasesContract(engine: string, createStore: () => Promise<LeaseStore>): void {
  describe(`leases in ${engine}`, () => {
    let store: LeaseStore;
    let leases: Leases;
    let elsewhere: Leases;
    beforeAll(async () => {
      store = await createStore();
      [leases, elsewhere] = [await store.open(), await store.open()];
    });
    afterAll(() => store.destroy());

    const newName = () => `projection-${randomUUID()}`;

    async function held(name: string, holder: string, durationMs = LONG_MS): Promise<Lease> {
      const lease = await leases.acquire(name, holder, durationMs);
      if (!lease) throw new Error(`${holder} did not get ${name}`);
      return lease;
    }

    /** Asks by taking the name for no time at all: where it is free, that spends an epoch. */
    const isFree = async (name: string) => (await elsewhere.acquire(name, 'prober', 0)) !== undefined;

    it('grants a free name, the first time with epoch 1', async () => {
      const name = newName();
      expect(await leases.acquire(name, 'a', LONG_MS)).toEqual({ name, holder: 'a', epoch: 1 });
    });

    it('grants a held name to no process, its holder included', async () => {
      const name = newName();
      await held(name, 'a');
      expect(await elsewhere.acquire(name, 'b', LONG_MS)).toBeUndefined();
      expect(await leases.acquire(name, 'a', LONG_MS)).toBeUndefined();
    });

    it('keeps names apart', async () => {
      const [name, other] = [newName(), newName()];
      const lease = await held(name, 'a');
      expect(await held(other, 'b')).toMatchObject({ epoch: 1 });
      await leases.release(lease);
      expect(await isFree(other)).toBe(false);
    });

    it('grants a name to one of ten simultaneous claims, in every round', async () => {
      const name = newName();
      for (let round = 1; round <= 5; round++) {
        const asked = Array.from({ length: 10 }, (_, nth) =>
          (nth % 2 === 0 ? leases : elsewhere).acquire(name, `holder-${nth}`, LONG_MS),
        );
        const won = (await Promise.all(asked)).filter((lease) => lease !== undefined);
        expect(won).toHaveLength(1);
        expect(won[0]).toMatchObject({ name, epoch: round });
        await leases.release(won[0] as Lease);
      }
    });

    it('grants a name to another process after it has expired, and not before', async () => {
      const name = newName();
      const durationMs = 300;
      const askedAt = performance.now();
      await held(name, 'a', durationMs);
      let next: Lease | undefined;
      await until(async () => {
        next = await elsewhere.acquire(name, 'b', LONG_MS);
        return next !== undefined;
      });
      // The store's clock and this one may tick apart a little.
      expect(performance.now() - askedAt).toBeGreaterThan(durationMs - 20);
      expect(next).toEqual({ name, holder: 'b', epoch: 2 });
    });

    it('is held for the time of its last renewal', async () => {
      const [name, measure] = [newName(), newName()];
      const lease = await held(name, 'a', 200);
      expect(await leases.renew(lease, LONG_MS)).toBe(true);
      await held(measure, 'a', 200);
      await until(() => isFree(measure));
      expect(await isFree(name)).toBe(false);
      expect(await leases.renew(lease, 0)).toBe(true);
      expect(await isFree(name)).toBe(true);
    });

    it('cannot be renewed after it has expired, also if no other process has it', async () => {
      const name = newName();
      const lease = await held(name, 'a', 0);
      expect(await leases.renew(lease, LONG_MS)).toBe(false);
      expect(await isFree(name)).toBe(true);
    });

    it('cannot be renewed once another process has it, and that one keeps it', async () => {
      const name = newName();
      const stale = await held(name, 'a', 0);
      const lease = await held(name, 'b');
      expect(await leases.renew(stale, 0)).toBe(false);
      expect(await isFree(name)).toBe(false);
      expect(await leases.renew(lease, LONG_MS)).toBe(true);
    });

    it('cannot be renewed under a name that was never granted', async () => {
      const name = newName();
      expect(await leases.renew({ name, holder: 'a', epoch: 1 }, LONG_MS)).toBe(false);
      expect(await held(name, 'b')).toMatchObject({ epoch: 1 });
    });

    it('is free at once when it is released, and cannot be renewed any more', async () => {
      const name = newName();
      const lease = await held(name, 'a');
      await leases.release(lease);
      expect(await leases.renew(lease, LONG_MS)).toBe(false);
      expect(await elsewhere.acquire(name, 'b', LONG_MS)).toEqual({ name, holder: 'b', epoch: 2 });
    });

    it('is left alone by the release of one that is over', async () => {
      const name = newName();
      const stale = await held(name, 'a');
      await leases.release(stale);
      const lease = await held(name, 'a');
      await elsewhere.release(stale);
      await elsewhere.release({ ...lease, epoch: lease.epoch + 1 });
      expect(await isFree(name)).toBe(false);
      expect(await leases.renew(lease, LONG_MS)).toBe(true);
    });

    it('are counted by how their names begin, for as long as they are held', async () => {
      const work = newName();
      expect(await leases.count(`${work} seat`)).toBe(0);
      const one = await held(`${work} seat 1`, 'a');
      await held(`${work} seat 2`, 'b');
      await held(`${work} seat 3`, 'c', 0);
      await held(`${work} other`, 'a');
      expect(await elsewhere.count(`${work} seat`)).toBe(2);
      await leases.release(one);
      expect(await elsewhere.count(`${work} seat`)).toBe(1);
    });

    it('has a greater epoch each time the name changes hands, however it was left', async () => {
      const name = newName();
      const epochs: number[] = [];
      for (let change = 0; change < 6; change++) {
        const lease = await held(name, `holder-${change % 2}`, change % 3 === 0 ? 0 : LONG_MS);
        epochs.push(lease.epoch);
        await leases.renew(lease, LONG_MS);
        if (change % 3 !== 0) await leases.release(lease);
      }
      expect(epochs).toEqual([1, 2, 3, 4, 5, 6]);
    });
  });
}
