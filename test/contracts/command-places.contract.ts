import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CommandPlaces } from '../../src/ports/command-places.js';

/** Places that several processes share. */
export interface CommandPlaceStore {
  open(): Promise<CommandPlaces>;
  destroy(): Promise<void>;
}

/** What every keeper of places must do. Each test has commands of its own, so they share a store. */
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

    /** Ten that ask at once, each from another conversation. */
    function tenAtOnce(ask: (from: CommandPlaces, conversation: string) => Promise<string>): Promise<string[]> {
      const asked = Array.from({ length: 10 }, (_, nth) => ask(nth % 2 === 0 ? places : elsewhere, `asked-${nth}`));
      return Promise.all(asked);
    }

    it('remember the conversation that came first, for everybody', async () => {
      const command = randomUUID();
      expect(await places.claim(command, 'first')).toBe('first');
      expect(await elsewhere.claim(command, 'second')).toBe('first');
      expect(await places.claim(command, 'first')).toBe('first');
    });

    it('are found by everybody, and are not remembered by being looked for', async () => {
      const command = randomUUID();
      expect(await places.find(command)).toBeUndefined();
      expect(await places.find(command)).toBeUndefined();
      await places.claim(command, 'first');
      expect(await elsewhere.find(command)).toBe('first');
      await elsewhere.move(command, 'first', 'next');
      expect(await places.find(command)).toBe('next');
    });

    it('keep commands apart', async () => {
      const [command, other] = [randomUUID(), randomUUID()];
      await places.claim(command, 'one');
      expect(await places.claim(other, 'other')).toBe('other');
      await places.move(other, 'other', 'moved');
      expect(await elsewhere.claim(command, 'late')).toBe('one');
    });

    it('give all of ten that claim at once the same answer, which is one of theirs', async () => {
      const command = randomUUID();
      const answers = await tenAtOnce((from, conversation) => from.claim(command, conversation));
      expect(new Set(answers).size).toBe(1);
      expect(answers[0]).toMatch(/^asked-\d$/);
      expect(await places.claim(command, 'late')).toBe(answers[0]);
    });

    it('put another conversation in the place of one', async () => {
      const command = randomUUID();
      await places.claim(command, 'abandoned');
      expect(await elsewhere.move(command, 'abandoned', 'next')).toBe('next');
      expect(await places.claim(command, 'abandoned')).toBe('next');
    });

    it('leave alone what is no longer the one to be replaced, and answer with it', async () => {
      const command = randomUUID();
      await places.claim(command, 'abandoned');
      await places.move(command, 'abandoned', 'next');
      expect(await elsewhere.move(command, 'abandoned', 'late')).toBe('next');
      expect(await places.claim(command, 'any')).toBe('next');
    });

    it('give the same answer to a move that is tried again', async () => {
      const command = randomUUID();
      await places.claim(command, 'abandoned');
      for (let attempt = 0; attempt < 2; attempt++)
        expect(await places.move(command, 'abandoned', 'next')).toBe('next');
    });

    it('give all of ten that move at once the same answer, which is one of theirs', async () => {
      const command = randomUUID();
      await places.claim(command, 'abandoned');
      const answers = await tenAtOnce((from, conversation) => from.move(command, 'abandoned', conversation));
      expect(new Set(answers).size).toBe(1);
      expect(answers[0]).toMatch(/^asked-\d$/);
      expect(await places.claim(command, 'late')).toBe(answers[0]);
    });

    it('remember where a command was moved that nobody had claimed', async () => {
      const command = randomUUID();
      expect(await places.move(command, 'forgotten', 'next')).toBe('next');
      expect(await elsewhere.claim(command, 'late')).toBe('next');
    });
  });
}
