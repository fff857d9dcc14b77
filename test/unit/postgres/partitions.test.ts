import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Partitions } from '../../../src/adapters/postgres/partitions.js';
import { RecordedHealth } from '../../support/recorded-health.js';

interface Settled {
  resolve(from: bigint): void;
  reject(error: Error): void;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

let calls: Settled[];
let pauses: (() => void)[];
let health: RecordedHealth;
let partitions: Partitions;

beforeEach(() => {
  calls = [];
  pauses = [];
  health = new RecordedHealth();
  partitions = new Partitions(
    () => new Promise((resolve, reject) => calls.push({ resolve, reject })),
    health,
    (signal) =>
      new Promise((resolve) => {
        pauses.push(resolve);
        signal.addEventListener('abort', () => resolve());
      }),
  );
});
afterEach(() => {
  partitions.stop();
  for (const call of calls) call.resolve(0n);
});

async function answer(from: bigint): Promise<void> {
  calls.at(-1)?.resolve(from);
  await turn();
}

async function fail(error: Error): Promise<void> {
  calls.at(-1)?.reject(error);
  await turn();
}

describe('the partitions of the log', () => {
  it('are requested with the first event that this process commits', () => {
    partitions.see(1n);
    expect(calls).toHaveLength(1);
  });

  it('are requested again with the first event at the position that the database named, and not before', async () => {
    partitions.see(1n);
    await answer(20n);
    partitions.see(19n);
    expect(calls).toHaveLength(1);
    partitions.see(20n);
    expect(calls).toHaveLength(2);
    await answer(30n);
    partitions.see(29n);
    expect(calls).toHaveLength(2);
  });

  it('are made at once when an append finds none, also if none was needed so far', async () => {
    partitions.see(1n);
    await answer(20n);
    partitions.make();
    expect(calls).toHaveLength(2);
  });

  it('are requested by one call at a time', async () => {
    for (let position = 1n; position < 50n; position++) partitions.see(position);
    partitions.make();
    expect(calls).toHaveLength(1);
    await answer(20n);
    expect(calls).toHaveLength(1);
  });

  it('are requested again after a pause when the call failed, also without an event', async () => {
    const denied = new Error('permission denied');
    partitions.see(1n);
    await fail(denied);
    expect(health.failures).toEqual([{ part: 'log partitions', error: denied }]);
    partitions.see(2n);
    partitions.make();
    await turn();
    expect(calls).toHaveLength(1);
    pauses[0]?.();
    await turn();
    expect(calls).toHaveLength(2);
  });

  it('count as failing until a call succeeds', async () => {
    partitions.see(1n);
    for (const nth of [0, 1]) {
      await fail(new Error('permission denied'));
      pauses[nth]?.();
      await turn();
    }
    expect([health.failures.length, [...health.failing]]).toEqual([2, ['log partitions']]);
    await answer(20n);
    expect(health.failing.size).toBe(0);
    partitions.see(19n);
    expect(calls).toHaveLength(3);
  });

  it('are asked for no more after the log is closed, and a call that ends with its connection is no failure', async () => {
    partitions.see(1n);
    partitions.stop();
    await fail(new Error('the connection ended'));
    expect(health.failures).toEqual([]);
    partitions.make();
    expect([calls.length, pauses.length]).toEqual([1, 0]);
  });

  it('are asked for no more after a pause in which the log was closed', async () => {
    partitions.see(1n);
    await fail(new Error('permission denied'));
    partitions.stop();
    await turn();
    expect(calls).toHaveLength(1);
  });
});
