import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { KeyEvent, Keys } from '../../src/ports/keys.js';

/** Keys that several processes share. */
export interface KeyStore {
  open(): Promise<Keys>;
  destroy(): Promise<void>;
}

const newId = () => randomUUID().replaceAll('-', '');
const timeOf = (revision: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, revision)).toISOString();

/** What every keeper of keys must do. Each test has ids of its own, so they share a store. */
export function keysContract(engine: string, createStore: () => Promise<KeyStore>): void {
  describe(`keys in ${engine}`, () => {
    let store: KeyStore;
    let keys: Keys;
    let elsewhere: Keys;
    beforeAll(async () => {
      store = await createStore();
      [keys, elsewhere] = [await store.open(), await store.open()];
    });
    afterAll(() => store.destroy());

    /** One key of a tenant of its own: what can happen to it at which revision, and how it then reads. */
    function aKey(id = newId(), tenant = newId()) {
      const fields = { user: 'ada', role: 'member', name: 'laptop' } as const;
      const place = (revision: number) => ({ tenant, revision, at: timeOf(revision) });
      const issued = (revision: number, secretSha256 = `hash-${revision}`): KeyEvent => ({
        type: 'ApiKeyIssued',
        data: { keyId: id, ...fields, secretSha256 },
        ...place(revision),
      });
      const revoked = (revision: number): KeyEvent => ({
        type: 'ApiKeyRevoked',
        data: { keyId: id },
        ...place(revision),
      });
      const reads = (issuedAt: number, revokedAt?: number) => ({
        id,
        tenant,
        ...fields,
        secretSha256: `hash-${issuedAt}`,
        createdAt: timeOf(issuedAt),
        revokedAt: revokedAt === undefined ? null : timeOf(revokedAt),
      });
      return { id, tenant, issued, revoked, reads };
    }

    it('finds no key for an id that was never issued', async () => {
      expect(await keys.find(newId())).toBeUndefined();
      expect(await keys.ofTenant(newId())).toEqual([]);
    });

    it('finds an issued key, from everywhere', async () => {
      const { id, issued, reads } = aKey();
      await keys.record(issued(1));
      expect(await keys.find(id)).toEqual(reads(1));
      expect(await elsewhere.find(id)).toEqual(reads(1));
    });

    it('finds many keys at once, and leaves out ids that were never issued', async () => {
      const [one, other, revokedOnly] = [aKey(), aKey(), aKey()];
      for (const event of [one.issued(1), other.issued(1), other.revoked(2), revokedOnly.revoked(1)])
        await keys.record(event);
      const found = await elsewhere.findAll([other.id, newId(), one.id, revokedOnly.id]);
      expect(found).toHaveLength(2);
      expect(found).toEqual(expect.arrayContaining([one.reads(1), other.reads(1, 2)]));
      expect(await keys.findAll([])).toEqual([]);
    });

    it('finds a revoked key, marked as revoked', async () => {
      const { id, issued, revoked, reads } = aKey();
      await keys.record(issued(1));
      await keys.record(revoked(4));
      expect(await elsewhere.find(id)).toEqual(reads(1, 4));
    });

    it('has a revoked key again after it is issued again, with its new secret', async () => {
      const { id, issued, revoked, reads } = aKey();
      for (const event of [issued(1), revoked(2), issued(3)]) await keys.record(event);
      expect(await keys.find(id)).toEqual(reads(3));
    });

    it('reads the same in whatever order and however often the events are recorded', async () => {
      const events = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 12 });
      await fc.assert(
        fc.asyncProperty(events, async (revisions) => {
          const { id, issued, revoked, reads } = aKey();
          // Odd revisions issue, even ones revoke.
          for (const revision of revisions) await keys.record((revision % 2 === 1 ? issued : revoked)(revision));
          const newest = (kind: number) => Math.max(0, ...revisions.filter((revision) => revision % 2 === kind));
          const [issuedAt, revokedAt] = [newest(1), newest(0)];
          const expected = issuedAt ? reads(issuedAt, revokedAt > issuedAt ? revokedAt : undefined) : undefined;
          expect(await keys.find(id)).toEqual(expected);
        }),
        { numRuns: 40 },
      );
    });

    it('lists the keys of one tenant, the oldest first, and none that was only ever revoked', async () => {
      const first = aKey();
      const second = aKey(newId(), first.tenant);
      const unissued = aKey(newId(), first.tenant);
      const foreign = aKey();
      for (const event of [second.issued(5), first.issued(2), foreign.issued(3), unissued.revoked(6)])
        await keys.record(event);
      await keys.record(first.revoked(7));
      expect(await elsewhere.ofTenant(first.tenant)).toEqual([first.reads(2, 7), second.reads(5)]);
      expect(await keys.ofTenant(foreign.tenant)).toEqual([foreign.reads(3)]);
    });

    it('leaves an id to the tenant that had it first', async () => {
      const owner = aKey();
      const intruder = aKey(owner.id);
      await keys.record(owner.issued(1));
      await keys.record(intruder.issued(9));
      await keys.record(intruder.revoked(10));
      expect(await keys.find(owner.id)).toEqual(owner.reads(1));
      expect(await keys.ofTenant(intruder.tenant)).toEqual([]);
    });
  });
}
