import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CommandPlaces } from '../../src/ports/command-places.js';

/** Places that several processes share. */
export interface CommandPlaceStore {
  open(): Promise<CommandPlaces>;
  destroy(): Promise<void>;
}

/** What every store of places must do. Each test has commands of its own, so they share a store. */
export function commandPlacesContract(engine: string, createStore: () => Promise<CommandPlaceStore>): void {
  describe(`command places in ${engine}`, () => {
    let store: CommandPlaceStore;
    let places: CommandPlaces;
    let elsewhere: CommandPlaces;
    beforeAll(async () => {
      store = await createStore();
      [places, elsewhere] = [await store.open(), await store.open()];
    });
    afterAll(() => store.destroy());

    const first = { stream: 'conversation-first', revision: 3 };
    const second = { stream: 'conversation-second', revision: 0 };

    it('keep the first place of a command for every process and for ever', async () => {
      const command = randomUUID();
      expect(await places.claim(command, first)).toEqual({ ...first, isNew: true });
      expect(await elsewhere.claim(command, second)).toEqual({ ...first, isNew: false });
      expect(await places.claim(command, { ...first, revision: 7 })).toEqual({ ...first, isNew: false });
      expect(await places.claim(command, first)).toEqual({ ...first, isNew: false });
    });

    it('are found by every process, and a search records nothing', async () => {
      const command = randomUUID();
      expect(await places.find(command)).toBeUndefined();
      expect(await places.find(command)).toBeUndefined();
      expect((await places.claim(command, first)).isNew).toBe(true);
      expect(await elsewhere.find(command)).toEqual(first);
    });

    it('keep commands apart', async () => {
      const [command, other] = [randomUUID(), randomUUID()];
      await places.claim(command, first);
      expect(await places.claim(other, second)).toEqual({ ...second, isNew: true });
      expect(await elsewhere.find(command)).toEqual(first);
    });

    it('are new for one of ten claims at once, and the same for all', async () => {
      const command = randomUUID();
      const claims = await Promise.all(
        Array.from({ length: 10 }, (_, revision) =>
          (revision % 2 === 0 ? places : elsewhere).claim(command, { stream: `conversation-${revision}`, revision }),
        ),
      );
      const isNew = claims.filter((claim) => claim.isNew);
      expect(isNew).toHaveLength(1);
      const { stream, revision } = isNew[0] ?? second;
      expect(stream).toBe(`conversation-${revision}`);
      expect(claims.map((claim) => [claim.stream, claim.revision])).toEqual(claims.map(() => [stream, revision]));
      expect(await elsewhere.find(command)).toEqual({ stream, revision });
    });
  });
}
