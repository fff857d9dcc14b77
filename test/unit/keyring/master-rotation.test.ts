import { describe, expect, it } from '@jest/globals';
import { MasterKeyFiles, MasterKeySetting } from '../../../src/adapters/data-directory/master-keys.js';
import { masterCheck } from '../../../src/keyring/master-generations.js';
import { KeysNotRewrapped, NoNewerMasterKey } from '../../../src/keyring/master-rotation.js';
import { TerminalError } from '../../../src/ports/errors.js';
import {
  isDestroyed,
  type KeyAtHand,
  type MasterKeys,
  type ValueKeyStore,
  type WrappedKey,
} from '../../../src/ports/value-keys.js';
import { recordLimits } from '../../../src/record-limits.js';
import { type KeyProcess, keyProcess, memoryKeys, type SharedKeys } from '../../support/keyring-ground.js';
import { withTemporaryDirectory } from '../../support/temporary-directory.js';

const AT = '2026-01-12T09:30:26.001Z';
const running = new AbortController().signal;

const take = async ({ keyring }: KeyProcess, count: number): Promise<KeyAtHand[]> =>
  Promise.all(Array.from({ length: count }, async () => keyring.take()));

async function expectAllOpen(keys: readonly KeyAtHand[], processes: readonly KeyProcess[]): Promise<void> {
  for (const { keyring } of processes) {
    const found = await keyring.find(keys.map(({ id }) => id));
    const wrong = keys.filter(({ id, key }) => {
      const each = found.get(id);
      return each?.is !== 'living' || !each.key.encryption.equals(key.encryption);
    });
    expect(wrong.map(({ id }) => found.get(id))).toEqual([]);
  }
}

async function rotate(process: KeyProcess): Promise<void> {
  await process.rotation.begin();
  await process.rotation.complete(running);
}

class Killed extends Error {}

/** Dies at a call, before or after it has had its effect. Every later call fails too. */
function dyingAt(
  shared: SharedKeys,
  deathAt: number,
  isBefore: boolean,
): SharedKeys & { readonly calls: () => number } {
  let calls = 0;
  const dying = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(_, name) {
        const member = target[name as keyof T];
        if (typeof member !== 'function' || name === 'placeOf') return member;
        return async (...args: unknown[]) => {
          const call = ++calls;
          if (call > deathAt || (call === deathAt && isBefore)) throw new Killed();
          const answer = await member.apply(target, args);
          if (call === deathAt) throw new Killed();
          return answer;
        };
      },
    });
  return { store: dying(shared.store), masters: dying(shared.masters), calls: () => calls };
}

/** A store whose pages of a rotation have fewer keys. */
function inPagesOf<Shared extends SharedKeys>(pageSize: number, shared: Shared): Shared {
  const { store } = shared;
  const keysUnder: ValueKeyStore['keysUnder'] = (generation, after) => store.keysUnder(generation, after, pageSize);
  const paged = new Proxy(store, {
    get: (_, name: keyof ValueKeyStore) =>
      name === 'keysUnder' ? keysUnder : (store[name] as () => unknown).bind(store),
  });
  return { ...shared, store: paged };
}

describe('the rotation of the master key', () => {
  it('wraps all living keys again, destroys the master key before, and says since when copies are unreadable', async () => {
    const shared = memoryKeys();
    const [here, elsewhere] = [await keyProcess(shared), await keyProcess(shared)];
    const keys = await take(here, recordLimits.keysRewrappedAtOnceMax * 2 + 10);
    const u = await here.directory.commitmentOf('acme', 'ada');
    const { id: ofTenant } = await here.keyring.ofScope({ tenant: 'acme', scope: 'tenant' });
    const [destroyed, ...living] = keys as [KeyAtHand, ...KeyAtHand[]];
    await here.keyring.destroy([destroyed.id], AT);
    const before = await shared.store.find([u, ofTenant, ...living.map(({ id }) => id)]);
    expect(await here.rotation.progress()).toMatchObject({ generation: 1, state: 'done', copiesUnreadableAt: null });

    await here.rotation.begin();
    const total = (await shared.store.count(2)).before;
    expect(await elsewhere.rotation.progress()).toMatchObject({
      generation: 2,
      state: 'running',
      keys: { done: 0, total },
      copiesUnreadableAt: null,
    });
    await elsewhere.rotation.complete(running);

    expect(await here.rotation.progress()).toEqual({
      generation: 2,
      beganAt: expect.any(String),
      state: 'done',
      keys: { done: total, total },
      copiesUnreadableAt: new Date(elsewhere.clock.now()).toISOString(),
    });
    expect([...shared.masters.keys.keys()]).toEqual([2]);
    const restarted = await keyProcess(shared);
    await expectAllOpen(living, [here, elsewhere, restarted]);
    expect((await restarted.directory.usersOf('acme', [u])).get(u)).toEqual({ is: 'known', user: 'ada' });
    expect((await restarted.keyring.find([destroyed.id])).get(destroyed.id)).toEqual({ is: 'destroyed', at: AT });
    const oldBytes = new Set(before.map((row) => (row as WrappedKey).wrapped.toString('hex')));
    for (const row of await shared.store.find(before.map(({ id }) => id))) {
      if (isDestroyed(row)) throw new Error('destroyed');
      expect([row.generation, oldBytes.has(row.wrapped.toString('hex'))]).toEqual([2, false]);
    }
  });

  it('is noticed by processes that run, which write under the new generation and read what it has written', async () => {
    const shared = memoryKeys();
    const [here, elsewhere] = [await keyProcess(shared), await keyProcess(shared)];
    const before = await take(elsewhere, 5);
    await rotate(here);
    const after = [...(await take(elsewhere, 200)), ...(await take(here, 5))];
    const scoped = await elsewhere.keyring.ofScope({ tenant: 'acme', scope: 'tenant' });
    expect(scoped.found.is).toBe('living');
    await expectAllOpen([...before, ...after], [here, elsewhere, await keyProcess(shared)]);
    await rotate(elsewhere);
    await rotate(here);
    await expectAllOpen([...before, ...after], [here, elsewhere, await keyProcess(shared)]);
    expect([...shared.masters.keys.keys()]).toEqual([4]);
  });

  it('that runs is not begun again, and one that two processes begin at the same time is one', async () => {
    const shared = memoryKeys();
    const [here, elsewhere] = [await keyProcess(shared), await keyProcess(shared)];
    await take(here, 5);
    await Promise.all([here.rotation.begin(), elsewhere.rotation.begin()]);
    await here.rotation.begin();
    expect((await shared.store.generations()).map(({ number }) => number)).toEqual([1, 2]);
    await here.rotation.complete(running);
    await elsewhere.rotation.complete(running);
    expect([...shared.masters.keys.keys()]).toEqual([2]);
  });

  it('continues after the death of its process at any step, while other processes read and write', async () => {
    let deaths = 0;
    for (const isBefore of [true, false]) {
      for (let deathAt = 1, isOver = false; !isOver; deathAt++) {
        const shared = inPagesOf(30, memoryKeys());
        const witness = await keyProcess(shared);
        const keys = await take(witness, 5);
        const dying = dyingAt(shared, deathAt, isBefore);
        const died = await keyProcess(dying)
          .then(rotate)
          .then(
            () => false,
            (error) => {
              if (!(error instanceof Killed)) throw error;
              return true;
            },
          );
        isOver = !died;
        deaths += died ? 1 : 0;
        // What the dead process left is usable as it is.
        keys.push(...(await take(witness, 5)));
        await expectAllOpen(keys, [witness, await keyProcess(shared)]);
        const successor = await keyProcess(shared);
        await rotate(successor);
        await expectAllOpen(keys, [witness, successor, await keyProcess(shared)]);
        const generations = await shared.store.generations();
        const current = generations.at(-1)?.number as number;
        expect([...shared.masters.keys.keys()]).toEqual([current]);
        expect(generations.map(({ isCurrent, destroyedAt }) => isCurrent === (destroyedAt === null))).not.toContain(
          false,
        );
        expect(await shared.store.count(current)).toMatchObject({ before: 0 });
      }
    }
    // The calls of a start, and each step of a rotation with three pages.
    expect(deaths).toBeGreaterThanOrEqual(2 * 18);
  });

  it('stops at its end, and is completed by the next owner', async () => {
    const shared = memoryKeys();
    const here = await keyProcess(shared);
    const keys = await take(here, recordLimits.keysRewrappedAtOnceMax + 5);
    await here.rotation.begin();
    const over = new AbortController();
    over.abort();
    await here.rotation.complete(over.signal);
    expect([...shared.masters.keys.keys()]).toEqual([1, 2]);
    expect((await here.rotation.progress()).state).toBe('running');
    await here.rotation.complete(running);
    await expectAllOpen(keys, [await keyProcess(shared)]);
  });

  it('does not destroy a master key that a key needs which does not open, and finishes once its row is restored', async () => {
    const shared = memoryKeys();
    const here = await keyProcess(shared);
    const keys = await take(here, 3);
    const [row] = (await shared.store.find([(keys[0] as KeyAtHand).id])) as [WrappedKey];
    const changed = Buffer.from(row.wrapped);
    changed[20] = (changed[20] as number) ^ 1;
    await shared.store.insert([{ ...row, wrapped: changed }]);
    await here.rotation.begin();
    await expect(here.rotation.complete(running)).rejects.toThrow(KeysNotRewrapped);
    expect([...shared.masters.keys.keys()]).toEqual([1, 2]);
    expect(await here.rotation.progress()).toMatchObject({ state: 'running' });
    expect((await shared.store.count(2)).before).toBe(1);
    await shared.store.rewrap(1, [{ ...row, generation: 2, wrapped: (await restoredUnder(here, row)).wrapped }]);
    await here.rotation.complete(running);
    await expectAllOpen(keys, [await keyProcess(shared)]);
  });

  /** The operator's copy of the row, which opens under the master key that is still there. */
  const restoredUnder = async ({ generations }: KeyProcess, row: WrappedKey) =>
    generations.wrap(row.id, row.tenant, generations.unwrap(row));

  it('destroys the files of master keys in the data directory', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const shared = { store: memoryKeys().store, masters: new MasterKeyFiles(dataDir) };
      const [here, elsewhere] = await Promise.all([
        keyProcess(shared),
        keyProcess({ ...shared, masters: new MasterKeyFiles(dataDir) }),
      ]);
      const keys = await take(here, 5);
      await rotate(here);
      expect([...(await shared.masters.read()).keys()]).toEqual([2]);
      await expectAllOpen(keys, [here, elsewhere, await keyProcess(shared)]);
    });
  });
});

describe('the rotation of a master key in the environment', () => {
  const key = (generation: number): [number, Buffer] => [generation, Buffer.alloc(32, generation)];
  const processWith = (store: ValueKeyStore, ...generations: number[]) =>
    keyProcess({ store, masters: new MasterKeySetting(generations.map(key)) });

  it('needs a newer value in front, and is complete when the operator has removed the old one', async () => {
    const { store } = memoryKeys();
    const first = await processWith(store, 1);
    const keys = await take(first, 5);
    await expect(first.rotation.begin()).rejects.toThrow(NoNewerMasterKey);

    const restarted = await processWith(store, 2, 1);
    // Until it is rotated, processes that have not been restarted can read and write.
    const meanwhile = await take(restarted, 1);
    await expectAllOpen(meanwhile, [first]);
    await rotate(restarted);
    expect(await restarted.rotation.progress()).toMatchObject({
      generation: 2,
      state: 'waiting',
      copiesUnreadableAt: null,
    });
    await expectAllOpen([...keys, ...meanwhile], [restarted, await processWith(store, 2)]);

    const last = await processWith(store, 2);
    await last.rotation.complete(running);
    expect(await last.rotation.progress()).toMatchObject({
      generation: 2,
      state: 'done',
      copiesUnreadableAt: expect.any(String),
    });
  });

  it('leaves a process without the new value with the name of its generation', async () => {
    const { store } = memoryKeys();
    const [old, restarted] = [await processWith(store, 1), await processWith(store, 2, 1)];
    const [{ id }] = (await take(restarted, 1)) as [KeyAtHand];
    await rotate(restarted);
    expect((await old.keyring.find([id])).get(id)).toMatchObject({
      is: 'missing',
      error: { message: `the key ${id} is missing: the master key of generation 2 is not at hand` },
    });
    await expect(processWith(store, 1)).rejects.toThrow(
      'the master key of generation 2 is not at hand: restore it in VERBATIM_MASTER_KEY',
    );
  });
});

describe('the master key of a process', () => {
  it('is refused if it is another one than the store of keys began with', async () => {
    const shared = memoryKeys();
    await keyProcess(shared);
    const other: MasterKeys = new MasterKeySetting([[1, Buffer.alloc(32, 9)]]);
    const opened = keyProcess({ store: shared.store, masters: other });
    await expect(opened).rejects.toThrow(TerminalError);
    await expect(opened).rejects.toThrow('the master key of generation 1 is another one');
  });

  it('is the first one for all processes that make it at the same time', async () => {
    const shared = memoryKeys();
    const processes = await Promise.all(Array.from({ length: 5 }, () => keyProcess(shared)));
    const keys = await take(processes[0] as KeyProcess, 1);
    await expectAllOpen(keys, processes);
    expect([...shared.masters.keys.keys()]).toEqual([1]);
  });

  it('is not in the store: its check differs for each generation and is no hash of the key alone', async () => {
    const master = Buffer.alloc(32, 3);
    expect(masterCheck(1, master)).not.toEqual(masterCheck(2, master));
    const shared = memoryKeys();
    await keyProcess(shared);
    const [generation] = await shared.store.generations();
    expect(generation?.check).toEqual(masterCheck(1, shared.masters.keys.get(1) as Buffer));
  });
});
