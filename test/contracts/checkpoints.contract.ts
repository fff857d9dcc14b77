import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Position, START } from '../../src/events/envelope.js';
import type { Checkpoints } from '../../src/ports/checkpoints.js';

/** Checkpoints that several processes share. */
export interface CheckpointStore {
  open(): Promise<Checkpoints>;
  destroy(): Promise<void>;
}

const position = (text: string) => text as Position;
const earlier = position('0000000000000000007');
const later = position('0000000000000000042');
/** As EventStoreDB has them: longer, and no number. */
const pair = position('0000000000000000107/0000000000000000100');

/** What every keeper of checkpoints must do. Each test has names of its own, so they share a store. */
export function checkpointsContract(engine: string, createStore: () => Promise<CheckpointStore>): void {
  describe(`checkpoints in ${engine}`, () => {
    let store: CheckpointStore;
    let checkpoints: Checkpoints;
    let elsewhere: Checkpoints;
    beforeAll(async () => {
      store = await createStore();
      [checkpoints, elsewhere] = [await store.open(), await store.open()];
    });
    afterAll(() => store.destroy());

    const newName = () => `projection-${randomUUID()}`;

    it('begin at the start', async () => {
      expect(await checkpoints.open(newName(), 1)).toBe(START);
    });

    it.each([earlier, pair, START])('are returned as they were saved: %j', async (saved) => {
      const name = newName();
      await checkpoints.open(name, 1);
      expect(await checkpoints.save(name, 1, later)).toBe(true);
      expect(await checkpoints.save(name, 1, saved)).toBe(true);
      expect(await elsewhere.open(name, 1)).toBe(saved);
    });

    it('can be read by a process that does not own them, without an effect on the owner', async () => {
      const name = newName();
      expect(await elsewhere.read(name)).toBe(START);
      await checkpoints.open(name, 1);
      expect(await elsewhere.read(name)).toBe(START);
      await checkpoints.save(name, 1, later);
      expect(await elsewhere.read(name)).toBe(later);
      expect(await checkpoints.save(name, 1, pair)).toBe(true);
    });

    it('are kept apart by name', async () => {
      const [name, other] = [newName(), newName()];
      await checkpoints.save(name, 1, earlier);
      await checkpoints.save(other, 9, later);
      expect(await checkpoints.open(name, 1)).toBe(earlier);
    });

    it('may be saved without having been opened', async () => {
      const name = newName();
      expect(await checkpoints.save(name, 3, later)).toBe(true);
      expect(await checkpoints.open(name, 2)).toBeUndefined();
      expect(await checkpoints.open(name, 3)).toBe(later);
    });

    it('are kept for the next epoch', async () => {
      const name = newName();
      await checkpoints.open(name, 1);
      await checkpoints.save(name, 1, earlier);
      expect(await elsewhere.open(name, 2)).toBe(earlier);
      expect(await elsewhere.save(name, 2, later)).toBe(true);
      expect(await elsewhere.open(name, 5)).toBe(later);
    });

    it('cannot be opened with an epoch that has passed', async () => {
      const name = newName();
      await checkpoints.save(name, 4, later);
      expect(await elsewhere.open(name, 3)).toBeUndefined();
      expect(await checkpoints.open(name, 4)).toBe(later);
      expect(await checkpoints.save(name, 4, pair)).toBe(true);
    });

    it('refuse a reader that was replaced, from the moment that its successor opened', async () => {
      const name = newName();
      await checkpoints.open(name, 1);
      await checkpoints.save(name, 1, earlier);
      expect(await elsewhere.open(name, 2)).toBe(earlier);
      expect(await checkpoints.save(name, 1, later)).toBe(false);
      expect(await elsewhere.open(name, 2)).toBe(earlier);
    });

    it('refuse a replaced reader also if no checkpoint had been saved', async () => {
      const name = newName();
      await checkpoints.open(name, 1);
      await elsewhere.open(name, 2);
      expect(await checkpoints.save(name, 1, later)).toBe(false);
      expect(await elsewhere.open(name, 2)).toBe(START);
    });

    it('refuse a replaced reader each time: a refused epoch is not recorded', async () => {
      const name = newName();
      await checkpoints.save(name, 7, earlier);
      for (const stale of [6, 1]) {
        expect(await elsewhere.save(name, stale, later)).toBe(false);
        expect(await elsewhere.open(name, stale)).toBeUndefined();
      }
      expect(await checkpoints.save(name, 7, later)).toBe(true);
    });

    it('end at the position of the newest of many readers that save at once', async () => {
      const name = newName();
      const readers = Array.from({ length: 10 }, (_, nth) => nth + 1);
      const saved = await Promise.all(
        readers.map((epoch) => (epoch % 2 === 0 ? checkpoints : elsewhere).save(name, epoch, position(`at-${epoch}`))),
      );
      expect(saved.at(-1)).toBe(true);
      expect(await checkpoints.open(name, 10)).toBe('at-10');
    });
  });
}
