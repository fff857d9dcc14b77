import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TerminalError } from '../../src/ports/errors.js';
import type { KeyScope, ValueKeyStore, WrappedKey } from '../../src/ports/value-keys.js';

/** A store that several processes share. */
interface SharedStore {
  open(): Promise<ValueKeyStore>;
  destroy(): Promise<void>;
}

const check = Buffer.alloc(32, 1);
const AT = '2026-01-12T09:30:26.001Z';
const LATER = '2026-02-12T09:30:26.001Z';

/** What every store of wrapped keys must do. */
export function valueKeysContract(engine: string, createStore: () => Promise<SharedStore>): void {
  describe(`wrapped keys in ${engine}`, () => {
    let store: SharedStore;
    let keys: ValueKeyStore;
    let elsewhere: ValueKeyStore;
    let generation: number;
    beforeAll(async () => {
      store = await createStore();
      [keys, elsewhere] = [await store.open(), await store.open()];
      expect(await keys.generations()).toEqual([]);
      expect(await keys.insert([aKey(1)])).toBe('stale-generation');
      await beginNext();
    });
    afterAll(() => store.destroy());

    async function beginNext(): Promise<void> {
      generation = (await keys.generations()).length + 1;
      await keys.begin(generation, check);
    }

    const aKey = (under = generation, tenant = ''): WrappedKey => ({
      id: randomUUID(),
      tenant,
      generation: under,
      wrapped: Buffer.from(randomUUID()),
    });
    const aScope = (): KeyScope => ({ tenant: `t${randomUUID()}`, scope: 'tenant' });

    async function inserted(count: number): Promise<WrappedKey[]> {
      const made = Array.from({ length: count }, () => aKey());
      expect(await keys.insert(made)).toBe('inserted');
      return made;
    }

    async function keysBefore(last: number, pageSize = 2): Promise<string[]> {
      const ids: string[] = [];
      for (let under = 1; under < last; under++) {
        for (let page = await elsewhere.keysUnder(under, '', pageSize); page.length > 0; ) {
          ids.push(...page.map(({ id }) => id));
          page = await elsewhere.keysUnder(under, page.at(-1)?.id ?? '', pageSize);
        }
      }
      return ids;
    }

    it('finds many keys at once, from everywhere, and leaves out ids that were never inserted', async () => {
      const made = [...(await inserted(2)), aKey(generation, 'acme')];
      await keys.insert(made.slice(2));
      const found = await elsewhere.find([...made.map(({ id }) => id), randomUUID()]);
      expect(found).toHaveLength(3);
      expect(found).toEqual(expect.arrayContaining(made));
      expect(await keys.find([])).toEqual([]);
      expect(await keys.insert([])).toBe('inserted');
    });

    it('gives all callers of a scope the same key, however they race', async () => {
      const scope = aScope();
      expect(await keys.ofScope(scope)).toBeUndefined();
      const candidates = Array.from({ length: 12 }, () => aKey(generation, scope.tenant));
      const got = await Promise.all(
        candidates.map((key, nth) => (nth % 2 ? keys : elsewhere).insertForScope(scope, key)),
      );
      const winner = candidates.find((key) => key.id === (got[0] as WrappedKey).id);
      expect(got).toEqual(candidates.map(() => winner));
      expect(await elsewhere.ofScope(scope)).toEqual(winner);
      expect(await keys.find(candidates.map(({ id }) => id))).toEqual([winner]);
    });

    it('has scopes of one name for each tenant and purpose', async () => {
      const [scope, other] = [aScope(), aScope()];
      const purposes = [scope, other, { ...scope, scope: 'user-u1' }];
      for (const each of purposes) await keys.insertForScope(each, aKey(generation, each.tenant));
      const ids = await Promise.all(purposes.map(async (each) => (await keys.ofScope(each))?.id));
      expect(new Set(ids).size).toBe(3);
    });

    it('keeps the row of a destroyed key without its bytes, and the first time', async () => {
      const [one, other] = (await inserted(2)) as [WrappedKey, WrappedKey];
      await keys.destroy([one.id, one.id], AT);
      await elsewhere.destroy([one.id], LATER);
      const found = await elsewhere.find([one.id, other.id]);
      expect(found).toEqual(expect.arrayContaining([{ id: one.id, destroyedAt: AT }, other]));
    });

    it('destroys a key that it never had, so that a restored row cannot return', async () => {
      const lost = aKey();
      await keys.destroy([lost.id], AT);
      expect(await elsewhere.find([lost.id])).toEqual([{ id: lost.id, destroyedAt: AT }]);
    });

    it('answers with the destroyed key of a scope, until the scope is released', async () => {
      const scope = aScope();
      const key = aKey(generation, scope.tenant);
      await keys.insertForScope(scope, key);
      await keys.destroy([key.id], AT);
      const next = aKey(generation, scope.tenant);
      expect(await elsewhere.insertForScope(scope, next)).toEqual({ id: key.id, destroyedAt: AT });
      expect(await elsewhere.find([next.id])).toEqual([]);
      await keys.release(key.id);
      expect(await keys.ofScope(scope)).toBeUndefined();
      expect(await elsewhere.insertForScope(scope, next)).toEqual(next);
    });

    it('writes no key under a generation that is not the current one', async () => {
      const [standing] = (await inserted(1)) as [WrappedKey];
      const before = generation;
      await beginNext();
      const late = aKey(before);
      expect(await elsewhere.insert([late, aKey(before)])).toBe('stale-generation');
      expect(await elsewhere.insertForScope(aScope(), late)).toBe('stale-generation');
      await keys.rewrap(before, [{ ...standing, generation: before, wrapped: Buffer.from('late') }]);
      expect(await keys.insert([aKey(generation + 1)])).toBe('stale-generation');
      expect(await keys.find([late.id, standing.id])).toEqual([standing]);
    });

    it('leaves no key behind that is inserted while the next generation begins', async () => {
      const before = generation;
      const tried = Array.from({ length: 40 }, () => aKey(before));
      const outcomes = tried.map((key, nth) => (nth % 2 ? keys : elsewhere).insert([key]));
      const begun = beginNext().then(() => keysBefore(generation, 100));
      const [written, old] = [await Promise.all(outcomes), await begun];
      const kept = tried.filter((_, nth) => written[nth] === 'inserted').map(({ id }) => id);
      expect(old).toEqual(expect.arrayContaining(kept));
    });

    it('begins each generation once, also when all processes begin it at the same time', async () => {
      const next = generation + 1;
      await Promise.all([keys, elsewhere, keys, elsewhere].map((each, nth) => each.begin(next, Buffer.alloc(32, nth))));
      await keys.begin(generation, check);
      generation = next;
      const known = await elsewhere.generations();
      expect(known.filter(({ isCurrent }) => isCurrent).map(({ number }) => number)).toEqual([next]);
      expect(known.map(({ number }) => number)).toEqual(known.map((_, nth) => nth + 1));
      expect(known.at(-1)?.check).toHaveLength(32);
    });

    it('pages through the keys of earlier generations, and counts what is left while they are wrapped again', async () => {
      await rewrapAll();
      const made = await inserted(5);
      const before = generation;
      await beginNext();
      const [destroyed, ...living] = made as [WrappedKey, ...WrappedKey[]];
      await keys.destroy([destroyed.id], AT);
      const left = await keysBefore(generation);
      expect(left).toEqual(expect.arrayContaining(living.map(({ id }) => id)));
      expect(left).not.toContain(destroyed.id);
      expect(await elsewhere.count(generation)).toEqual({ under: 0, before: left.length });
      const wrapped = living.slice(0, 2).map((key) => ({ ...key, generation, wrapped: Buffer.from(`new ${key.id}`) }));
      await keys.rewrap(before, wrapped);
      expect(await elsewhere.count(generation)).toEqual({ under: 2, before: left.length - 2 });
      expect(await elsewhere.find(wrapped.map(({ id }) => id))).toEqual(expect.arrayContaining(wrapped));
    });

    it('wraps a key again only as it was, and never a destroyed one', async () => {
      const [one, other] = (await inserted(2)) as [WrappedKey, WrappedKey];
      const before = generation;
      await beginNext();
      const again = (key: WrappedKey, text: string) => ({ ...key, generation, wrapped: Buffer.from(text) });
      await keys.rewrap(before, [again(one, 'first')]);
      await keys.destroy([other.id], AT);
      await elsewhere.rewrap(before, [again(one, 'second'), again(other, 'second')]);
      const found = await keys.find([one.id, other.id]);
      expect(found).toEqual(expect.arrayContaining([again(one, 'first'), { id: other.id, destroyedAt: AT }]));
    });

    it('does not call a generation destroyed while a living key needs it, or while it is the current one', async () => {
      const [key] = (await inserted(1)) as [WrappedKey];
      const before = generation;
      await expect(keys.destroyed(before, AT)).rejects.toThrow(TerminalError);
      await beginNext();
      await expect(keys.destroyed(before, AT)).rejects.toThrow(TerminalError);
      await keys.rewrap(before, [{ ...key, generation }]);
      await rewrapAll();
      await keys.destroyed(before, AT);
      await elsewhere.destroyed(before, LATER);
      const known = (await keys.generations()).find(({ number }) => number === before);
      expect(known).toMatchObject({ isCurrent: false, destroyedAt: AT });
    });

    async function rewrapAll(): Promise<void> {
      for (let under = 1; under < generation; under++) {
        const page = await keys.keysUnder(under, '', 1_000);
        await keys.rewrap(
          under,
          page.map((key) => ({ ...key, generation })),
        );
      }
    }
  });
}
