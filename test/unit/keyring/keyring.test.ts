import { describe, expect, it } from '@jest/globals';
import { placeOf, protect, reveal } from '../../../src/formats/value-1/protected-value.js';
import type { ValueKey } from '../../../src/formats/value-1/value-key.js';
import { RetryableError, TerminalError } from '../../../src/ports/errors.js';
import type { FoundKey, KeyAtHand, ValueKeyStore, ValueKeys } from '../../../src/ports/value-keys.js';
import { recordLimits } from '../../../src/record-limits.js';
import { keyProcess, memoryKeys } from '../../support/keyring-ground.js';
import { until } from '../../support/until.js';

const AT = '2026-01-12T09:30:26.001Z';
const place = placeOf({ tenant: 'acme', stream: 's', id: 'e' }, 'data/text');

/** Counts calls of a store, and can hold or fail them. */
function watched(store: ValueKeyStore) {
  const calls = new Map<string, number>();
  const watch = {
    calls: (name: keyof ValueKeyStore) => calls.get(name) ?? 0,
    before: async (_: string): Promise<void> => {},
    after: async (_: string): Promise<void> => {},
    store: new Proxy(store, {
      get:
        (target, name: keyof ValueKeyStore) =>
        async (...args: never[]) => {
          calls.set(name, (calls.get(name) ?? 0) + 1);
          await watch.before(name);
          const answer = await (target[name] as (...given: never[]) => Promise<unknown>).apply(target, args);
          await watch.after(name);
          return answer;
        },
    }),
  };
  return watch;
}

const one = async (keys: ValueKeys, id: string) => (await keys.find([id])).get(id) as FoundKey;

const living = (found: FoundKey): ValueKey => {
  if (found.is !== 'living') throw new Error(found.is);
  return found.key;
};

const isSame = (key: ValueKey, other: ValueKey) => reveal(other, place, protect(key, place, 'Hello')) === 'Hello';

describe('the keys at hand', () => {
  it('are taken without a promise and without a write, and other processes find them', async () => {
    const { store, masters } = memoryKeys();
    const watch = watched(store);
    const [{ keyring }, other] = [
      await keyProcess({ store: watch.store, masters }),
      await keyProcess({ store, masters }),
    ];
    await keyring.warmUp();
    expect(watch.calls('insert')).toBe(1);
    const taken = Array.from({ length: 10 }, () => keyring.take() as KeyAtHand);
    expect(watch.calls('insert')).toBe(1);
    expect(new Set(taken.map(({ id }) => id)).size).toBe(10);
    for (const { id, key } of taken) expect(isSame(key, living(await one(other.keyring, id)))).toBe(true);
    expect(watch.calls('find')).toBe(0);
  });

  it('are refilled by one insert in the background before they run out, and never given twice', async () => {
    const { store, masters } = memoryKeys();
    const watch = watched(store);
    const { keyring } = await keyProcess({ store: watch.store, masters });
    await keyring.warmUp();
    const taken: KeyAtHand[] = [];
    while (taken.length < recordLimits.valueKeysAtHandMax * 3) {
      const key = keyring.take();
      expect(key).not.toBeInstanceOf(Promise);
      taken.push(key as KeyAtHand);
      // A store in memory has answered by the next turn of the event loop.
      await new Promise(setImmediate);
    }
    expect(new Set(taken.map(({ id }) => id)).size).toBe(taken.length);
    expect((await store.find(taken.map(({ id }) => id))).length).toBe(taken.length);
  });

  it('are waited for when none is left, by all callers together', async () => {
    const { store, masters } = memoryKeys();
    const watch = watched(store);
    const { keyring } = await keyProcess({ store: watch.store, masters });
    const taken = await Promise.all(Array.from({ length: 100 }, async () => keyring.take()));
    expect(new Set(taken.map(({ id }) => id)).size).toBe(100);
    expect(watch.calls('insert')).toBeLessThanOrEqual(4);
  });

  it('that cannot be stored are given to no conversation, and the next call tries again', async () => {
    const { store, masters } = memoryKeys();
    const watch = watched(store);
    const { keyring, health } = await keyProcess({ store: watch.store, masters });
    watch.before = async () => {
      throw new RetryableError('away');
    };
    await expect(keyring.take()).rejects.toThrow('away');
    watch.before = async () => {};
    const { id } = await keyring.take();
    expect(await store.find([id])).toHaveLength(1);
    expect(health.failures).toEqual([]);
  });

  it('report an error of the background that is no outage', async () => {
    const { store, masters } = memoryKeys();
    const watch = watched(store);
    const { keyring, health } = await keyProcess({ store: watch.store, masters });
    watch.before = async () => {
      throw new TerminalError('defect');
    };
    await expect(keyring.take()).rejects.toThrow('defect');
    await until(() => health.failing.has('keys at hand'));
  });
});

describe('the keys of a page', () => {
  async function ground() {
    const shared = memoryKeys();
    const watch = watched(shared.store);
    const [here, elsewhere] = [await keyProcess({ ...shared, store: watch.store }), await keyProcess(shared)];
    const keys = await Promise.all(Array.from({ length: 3 }, async () => elsewhere.keyring.take()));
    return {
      ...shared,
      watch,
      here: here.keyring,
      elsewhere: elsewhere.keyring,
      clock: here.clock,
      keys,
      ids: keys.map(({ id }) => id),
    };
  }

  it('are found with one query, and then without a promise', async () => {
    const { watch, here, keys, ids } = await ground();
    const found = await here.find([...ids, ...ids]);
    expect([...found.keys()]).toEqual(ids);
    for (const { id, key } of keys) expect(isSame(living(found.get(id) as FoundKey), key)).toBe(true);
    expect(watch.calls('find')).toBe(1);
    expect(here.find(ids)).not.toBeInstanceOf(Promise);
    expect(here.find([])).toEqual(new Map());
    expect(watch.calls('find')).toBe(1);
  });

  it('are missing without a row, as long as there is none, and that is no destruction', async () => {
    const { here, store } = await ground();
    const [missing, next] = [await one(here, 'lost'), memoryKeys()];
    expect(missing).toMatchObject({ is: 'missing', error: { keyId: 'lost' } });
    expect((missing as { error: Error }).error).toBeInstanceOf(RetryableError);
    const restored = (await (await keyProcess(next)).keyring.take()).id;
    await store.insert((await next.store.find([restored])).map((row) => ({ ...row, id: 'lost' }) as never));
    expect(await one(here, 'lost')).toMatchObject({
      is: 'missing',
      error: { message: 'the key lost is missing: its row was changed' },
    });
  });

  it('name the generation whose master key is not at hand', async () => {
    const { masters, here, ids } = await ground();
    masters.keys.delete(1);
    const restarted = keyProcess({ store: (await ground()).store, masters });
    await expect(restarted).rejects.toThrow('restore it in memory of generation 1');
    const [id] = ids as [string];
    expect((await one(here, id)).is).toBe('living');
  });

  it('are destroyed in each process that forgets them, and stay so while the row is still there', async () => {
    const { here, elsewhere, watch, ids } = await ground();
    const [id, other] = ids as [string, string];
    await here.find(ids);
    here.forget([id], AT);
    expect(await one(here, id)).toEqual({ is: 'destroyed', at: AT });
    expect((await one(here, other)).is).toBe('living');
    await elsewhere.destroy([id], AT);
    expect(await one(elsewhere, id)).toEqual({ is: 'destroyed', at: AT });
    expect(watch.calls('find')).toBe(1);
  });

  it('are not kept by a look-up that began before the destruction', async () => {
    const { here, elsewhere, watch, ids } = await ground();
    const [id] = ids as [string];
    let isRead = false;
    let goOn = () => {};
    watch.after = () =>
      new Promise((resolve) => {
        isRead = true;
        goOn = resolve;
      });
    const finding = here.find([id]);
    await until(() => isRead);
    watch.after = async () => {};
    await elsewhere.destroy([id], AT);
    here.forget([id], AT);
    goOn();
    expect((await finding).get(id)).toEqual({ is: 'destroyed', at: AT });
    expect(await one(here, id)).toEqual({ is: 'destroyed', at: AT });
  });

  it('are read again after a while, so that a process that missed the event forgets a destroyed one', async () => {
    const { here, elsewhere, clock, ids } = await ground();
    const [id] = ids as [string];
    await here.find([id]);
    await elsewhere.destroy([id], AT);
    expect((await one(here, id)).is).toBe('living');
    await clock.pass(recordLimits.valueKeyCacheMs + 1);
    expect(await one(here, id)).toEqual({ is: 'destroyed', at: AT });
  });

  it('are kept up to a bound, the ones that are in use', async () => {
    const { store, masters } = memoryKeys();
    const watch = watched(store);
    const { keyring } = await keyProcess({ store: watch.store, masters });
    const first = (await keyring.take()).id;
    const later: string[] = [];
    for (let taken = 0; taken < recordLimits.valueKeyCacheEntriesMax + 10; taken++) {
      later.push((await keyring.take()).id);
      if (taken % 1_000 === 0) keyring.find([first]);
    }
    expect(keyring.find([first])).not.toBeInstanceOf(Promise);
    expect(keyring.find([later[0] as string])).toBeInstanceOf(Promise);
    expect(keyring.find([later.at(-1) as string])).not.toBeInstanceOf(Promise);
  });
});

describe('the key of a scope', () => {
  it('is one for all processes, and each tenant and scope has its own', async () => {
    const shared = memoryKeys();
    const processes = await Promise.all(Array.from({ length: 4 }, () => keyProcess(shared)));
    const scope = { tenant: 'acme', scope: 'tenant' };
    const got = await Promise.all(processes.map(({ keyring }) => keyring.ofScope(scope)));
    expect(new Set(got.map(({ id }) => id)).size).toBe(1);
    const keys = got.map(({ found }) => living(found));
    for (const key of keys) expect(isSame(key, keys[0] as ValueKey)).toBe(true);
    const others = [
      { ...scope, tenant: 'beta' },
      { ...scope, scope: 'user-u1' },
    ];
    const ids = await Promise.all(others.map((other) => processes[0]?.keyring.ofScope(other)));
    expect(new Set([got[0]?.id, ...ids.map((each) => each?.id)]).size).toBe(3);
  });

  it('is asked for once by each process', async () => {
    const { store, masters } = memoryKeys();
    const watch = watched(store);
    const { keyring } = await keyProcess({ store: watch.store, masters });
    const scope = { tenant: 'acme', scope: 'tenant' };
    await keyring.ofScope(scope);
    const calls = watch.calls('ofScope');
    await keyring.ofScope(scope);
    expect([watch.calls('ofScope'), watch.calls('insertForScope')]).toEqual([calls, 1]);
  });

  it('stays destroyed', async () => {
    const shared = memoryKeys();
    const [{ keyring }, other] = [await keyProcess(shared), await keyProcess(shared)];
    const scope = { tenant: 'acme', scope: 'access-2026-01' };
    const { id } = await keyring.ofScope(scope);
    await keyring.destroy([id], AT);
    expect(await other.keyring.ofScope(scope)).toEqual({ id, found: { is: 'destroyed', at: AT } });
  });

  it('of another tenant, to which a row was moved, is refused', async () => {
    const { store, masters } = memoryKeys();
    const { keyring } = await keyProcess({ store, masters });
    const foreign = await keyring.ofScope({ tenant: 'beta', scope: 'tenant' });
    const watch = watched(store);
    const attacked = new Proxy(watch.store, {
      get: (target, name: keyof ValueKeyStore) =>
        name === 'ofScope' ? async () => (await store.find([foreign.id]))[0] : target[name],
    });
    const victim = await keyProcess({ store: attacked, masters });
    await expect(victim.keyring.ofScope({ tenant: 'acme', scope: 'tenant' })).rejects.toThrow(
      'it belongs to another tenant than its scope',
    );
  });
});
