import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { KeptFold, KeptFoldStore } from '../../src/ports/kept-folds.js';

/** A store that several processes share. */
export interface SharedKeptFolds {
  open(): Promise<KeptFoldStore>;
  destroy(): Promise<void>;
}

const newFold = (changes: Partial<KeptFold> = {}): KeptFold => ({
  stream: `conversation-${randomUUID()}`,
  version: 1,
  revision: 7,
  event: randomUUID(),
  bytes: Buffer.from([0, 1, 92, 120, 255]),
  ...changes,
});

/** What every store of kept folds must do. Each test has streams of its own, so they share a store. */
export function keptFoldsContract(engine: string, createStore: () => Promise<SharedKeptFolds>): void {
  describe(`kept folds in ${engine}`, () => {
    let shared: SharedKeptFolds;
    let store: KeptFoldStore;
    let elsewhere: KeptFoldStore;
    beforeAll(async () => {
      shared = await createStore();
      [store, elsewhere] = [await shared.open(), await shared.open()];
    });
    afterAll(() => shared.destroy());

    it('are found by every process, byte for byte', async () => {
      const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, nth) => (nth * nth) % 256));
      const fold = newFold({ bytes });
      expect(await elsewhere.find(fold.stream, 1)).toBeUndefined();
      await store.keep(fold);
      expect(await elsewhere.find(fold.stream, 1)).toEqual(fold);
    });

    it('of another version are not found', async () => {
      const fold = newFold({ version: 2 });
      await store.keep(fold);
      expect(await store.find(fold.stream, 1)).toBeUndefined();
      expect(await store.find(fold.stream, 2)).toEqual(fold);
    });

    it('are replaced by later ones, and not by earlier ones', async () => {
      const fold = newFold();
      const later = { ...newFold({ revision: 8 }), stream: fold.stream };
      await store.keep(fold);
      await elsewhere.keep(later);
      await store.keep(fold);
      expect(await store.find(fold.stream, 1)).toEqual(later);
    });

    it('are replaced by an earlier one of another version', async () => {
      const fold = newFold();
      const other = { ...newFold({ revision: 3, version: 2 }), stream: fold.stream };
      await store.keep(fold);
      await store.keep(other);
      expect(await store.find(fold.stream, 1)).toBeUndefined();
      expect(await store.find(fold.stream, 2)).toEqual(other);
    });

    it('are forgotten one by one', async () => {
      const [fold, other] = [newFold(), newFold()];
      await store.keep(fold);
      await store.keep(other);
      await elsewhere.forget(fold.stream);
      await elsewhere.forget(fold.stream);
      expect(await store.find(fold.stream, 1)).toBeUndefined();
      expect(await store.find(other.stream, 1)).toEqual(other);
    });
  });
}
