import { afterEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import { valueKeyEngine } from '../../../src/app/value-keys.js';
import { KEY_ROTATION, KeysNotRewrapped, MasterRotation } from '../../../src/keyring/master-rotation.js';
import { RotationWork } from '../../../src/keyring/rotation-work.js';
import type { WrappedKey } from '../../../src/ports/value-keys.js';
import { keyProcess, memoryKeys } from '../../support/keyring-ground.js';
import { MemoryHints } from '../../support/memory/memory-hints.js';
import { MemoryLeases } from '../../support/memory/memory-leases.js';
import { RecordedHealth } from '../../support/recorded-health.js';
import { until } from '../../support/until.js';

const started: RotationWork[] = [];
afterEach(async () => {
  for (const work of started.splice(0)) await work.stop();
});

/** A deployment whose processes share leases and hints. */
function deployment() {
  const shared = memoryKeys();
  const [leases, hints] = [new MemoryLeases(systemClock), new MemoryHints()];
  const newProcess = (holder: string) => {
    const health = new RecordedHealth();
    const engine = valueKeyEngine(shared.store, shared.masters);
    const rotation = new MasterRotation({ ...engine, clock: systemClock, hints });
    const work = new RotationWork(rotation, { leases, hints, health, holder, clock: systemClock, leaseMs: 15_000 });
    const start = () => {
      started.push(work);
      work.start();
    };
    return { rotation, health, work, start };
  };
  const isDone = async () => {
    const generations = await shared.store.generations();
    return (
      generations.length > 1 && generations.every(({ isCurrent, destroyedAt }) => isCurrent || destroyedAt !== null)
    );
  };
  return { ...shared, hints, newProcess, isDone };
}

describe('the work of rotations', () => {
  it('completes a rotation as soon as any process has begun it', async () => {
    const { newProcess, isDone, masters } = deployment();
    const [one, other] = [newProcess('one'), newProcess('other')];
    one.start();
    other.start();
    await other.rotation.begin();
    await until(isDone);
    await one.rotation.begin();
    await until(async () => (await isDone()) && masters.keys.has(3));
    expect([...masters.keys.keys()]).toEqual([3]);
  });

  it('continues a rotation that a killed process has left, without any hint', async () => {
    const { newProcess, isDone, store, masters } = deployment();
    const keys = await (await keyProcess({ store, masters })).keyring.take();
    await newProcess('killed').rotation.begin();
    newProcess('next').start();
    await until(isDone);
    const found = await (await keyProcess({ store, masters })).keyring.find([keys.id]);
    expect(found.get(keys.id)?.is).toBe('living');
  });

  it('reports a rotation that cannot be completed, goes on, and recovers after the row is restored', async () => {
    const { newProcess, isDone, store, masters, hints } = deployment();
    const { id } = await (await keyProcess({ store, masters })).keyring.take();
    const [row] = (await store.find([id])) as [WrappedKey];
    await store.insert([{ ...row, wrapped: Buffer.alloc(60) }]);
    const { rotation, health, start } = newProcess('one');
    start();
    await rotation.begin();
    await until(() => health.failing.has(KEY_ROTATION));
    expect(health.failures[0]?.error).toBeInstanceOf(KeysNotRewrapped);
    expect(await isDone()).toBe(false);
    await store.destroy([id], '2026-01-12T09:30:26.001Z');
    hints.send(KEY_ROTATION);
    await until(isDone);
    await until(() => !health.failing.has(KEY_ROTATION));
  });

  it('reports a master key that is not at hand, and does not end for it', async () => {
    const { newProcess, isDone, masters, hints } = deployment();
    const [one, other] = [newProcess('one'), newProcess('other')];
    await one.rotation.begin();
    const current = masters.keys.get(2) as Buffer;
    masters.keys.delete(2);
    other.start();
    await until(() => other.health.failing.has(KEY_ROTATION));
    expect(String(other.health.failures[0]?.error)).toContain('restore it in memory of generation 2');
    masters.keys.set(2, current);
    hints.send(KEY_ROTATION);
    await until(isDone);
  });
});
