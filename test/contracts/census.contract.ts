import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Position, START } from '../../src/events/envelope.js';
import { chainKey } from '../../src/formats/record-1/census.js';
import { sha256 } from '../../src/formats/record-1/hashes.js';
import { GrowingCensus } from '../../src/notary/census-tree.js';
import type { CensusStore, StoredCensusChain } from '../../src/ports/census.js';
import type { Checkpoints } from '../../src/ports/checkpoints.js';
import type { RecordStore } from '../../src/ports/record.js';

/** A census beside a record, which several processes share. */
export interface CensusGround {
  open(): Promise<{ readonly census: CensusStore; readonly record: RecordStore; readonly checkpoints: Checkpoints }>;
  destroy(): Promise<void>;
}

const THEN = '2026-01-02T03:04:05.678Z';
const LATER = '2026-01-03T03:04:05.678Z';
const NO_KEY = Buffer.alloc(0);

/** What every store of the census must do. Each test has a tenant of its own. */
export function censusContract(engine: string, createGround: () => Promise<CensusGround>): void {
  describe(`the census in ${engine}`, () => {
    let ground: CensusGround;
    let census: CensusStore;
    let elsewhere: CensusStore;
    let record: RecordStore;
    let checkpoints: Checkpoints;
    beforeAll(async () => {
      ground = await createGround();
      ({ census, record, checkpoints } = await ground.open());
      elsewhere = (await ground.open()).census;
    });
    afterAll(() => ground.destroy());

    let tenant: string;
    beforeEach(() => {
      tenant = `t-${randomUUID()}`;
    });

    const chain = (nth: number, rest: Partial<StoredCensusChain> = {}): StoredCensusChain => {
      const facts = { chain: `conversation-ä${nth}`, owner: nth % 3 === 0 ? null : `u${nth % 3}`, ...rest };
      const ends = { n: nth, head: sha256(`head ${nth}`), minAt: THEN, maxAt: LATER };
      return { ...ends, ...facts, key: chainKey(facts), ...rest };
    };
    const chainsOf = (count: number) => Array.from({ length: count }, (_, nth) => chain(nth));
    const ordered = (chains: readonly StoredCensusChain[]) =>
      [...chains].sort((one, other) => one.key.compare(other.key));
    const built = (chains: readonly StoredCensusChain[], size: number) => {
      const growing = new GrowingCensus();
      for (const each of ordered(chains)) growing.add(each);
      return growing.built(size);
    };
    const counted = (from: number, to: number, chains: readonly StoredCensusChain[]) =>
      census.count(tenant, { from, to, chains, since: THEN });
    const grownTo = async (size: number) => {
      const writer = { name: `notary-${randomUUID()}`, epoch: 1 };
      await checkpoints.open(writer.name, writer.epoch);
      const trees = [{ tenant, size, edge: [sha256('edge')], stopped: null }];
      const nothing = { entries: [], tileHashes: [], chains: [], owners: [] };
      await record.write(writer, { from: START, to: 'a' as Position, trees, ...nothing });
    };
    const isDue = async (takenBefore: string) => (await census.due(takenBefore, 1_000_000)).includes(tenant);

    it('knows nothing of a tenant whose chains were never counted', async () => {
      expect(await census.state(tenant)).toBeUndefined();
      expect(await census.chain(tenant, 'conversation-ä1')).toBeUndefined();
      expect(await census.chains(tenant, ['conversation-ä1'])).toEqual([]);
      expect(await census.chainsAfter(tenant, NO_KEY, 10)).toEqual([]);
      expect(await census.chainsAt(tenant, 0, 10)).toEqual([]);
      expect(await census.placeOf(tenant, chain(1).key)).toBe(0);
      expect(await census.tile(tenant, { level: 1, index: 0 }, 256)).toEqual([]);
    });

    it('counts chains from where the count is, in one process alone, and replaces what it has of a chain', async () => {
      expect(await counted(5, 6, chainsOf(1))).toBe(false);
      expect(await counted(0, 3, chainsOf(3))).toBe(true);
      expect(await counted(0, 3, [chain(9)])).toBe(false);
      const other = chain(1, { owner: 'u9', n: 7, maxAt: '2026-02-02T00:00:00.000Z' });
      const both = await Promise.all([
        census.count(tenant, { from: 3, to: 5, chains: [other], since: LATER }),
        elsewhere.count(tenant, { from: 3, to: 5, chains: [other], since: LATER }),
      ]);
      expect(both.sort()).toEqual([false, true]);
      expect(await elsewhere.state(tenant)).toEqual({ counted: 5, since: THEN });
      expect(await census.chain(tenant, 'conversation-ä9')).toBeUndefined();
      expect(await elsewhere.chain(tenant, other.chain)).toEqual(other);
      const names = ['conversation-ä1', 'conversation-ä2', 'conversation-ä7'];
      const found = await census.chains(tenant, names);
      expect([...found].sort((one, another) => one.n - another.n)).toEqual([chain(2), other]);
      expect(await census.chainsAfter(tenant, NO_KEY, 10)).toEqual(ordered([chain(0), other, chain(2)]));
    });

    it('has the chains and tiles of a tree at their places, and a place for every key', async () => {
      const chains = chainsOf(700);
      await counted(0, 700, chains);
      const tree = built(chains, 700);
      expect(await census.build(tenant, tree)).toBe(true);
      const inOrder = ordered(chains);
      for (const [place, count] of [
        [0, 3],
        [255, 3],
        [256, 256],
        [690, 500],
        [699, 1],
        [700, 1],
      ] as const) {
        expect(await elsewhere.chainsAt(tenant, place, count)).toEqual(inOrder.slice(place, place + count));
      }
      for (const place of [0, 1, 255, 256, 257, 511, 512, 699]) {
        const key = (inOrder[place] as StoredCensusChain).key;
        expect(await census.placeOf(tenant, key)).toBe(place);
        expect(await census.placeOf(tenant, Buffer.concat([key, Buffer.from([0])]))).toBe(place + 1);
      }
      expect(await census.placeOf(tenant, NO_KEY)).toBe(0);
      const hashes = tree.tileHashes.map(({ hash }) => hash);
      expect(hashes).toHaveLength(2);
      expect(await census.tile(tenant, { level: 1, index: 0 }, 256)).toEqual(hashes);
      expect(await census.tile(tenant, { level: 1, index: 0 }, 1)).toEqual(hashes.slice(0, 1));
      expect(await census.tile(`${tenant}-other`, { level: 1, index: 0 }, 256)).toEqual([]);
    });

    it('builds a tree only of what is counted, and has none while more is counted', async () => {
      await counted(0, 300, chainsOf(300));
      expect(await census.build(tenant, built(chainsOf(300), 299))).toBe(false);
      const tree = built(chainsOf(300), 300);
      expect(await census.build(tenant, tree)).toBe(true);
      expect(await census.state(tenant)).toEqual({
        ...{ counted: 300, since: THEN },
        built: { size: 300, count: 300, root: tree.root },
      });
      await counted(300, 301, [chain(0)]);
      expect(await census.state(tenant)).toEqual({ counted: 301, since: THEN });
      expect(await census.build(tenant, built(chainsOf(300), 301))).toBe(true);
      expect(await census.tile(tenant, { level: 1, index: 0 }, 256)).toEqual(tree.tileHashes.map(({ hash }) => hash));
    });

    it('remembers the event of a census of its size only', async () => {
      const event = randomUUID();
      await counted(0, 3, chainsOf(3));
      await census.build(tenant, built(chainsOf(3), 3));
      await census.taken(tenant, 2, event, LATER);
      expect(await census.state(tenant)).toMatchObject({ since: THEN });
      await census.taken(tenant, 3, event, LATER);
      expect(await elsewhere.state(tenant)).toMatchObject({ event, since: LATER, counted: 3 });
      await counted(3, 4, [chain(1)]);
      expect(await census.state(tenant)).toEqual({ counted: 4, since: LATER });
    });

    it('is due for a tenant without a state, an unfinished census, and news after a time', async () => {
      expect(await isDue(LATER)).toBe(false);
      await grownTo(4);
      expect(await isDue(THEN)).toBe(true);
      expect(await census.due(THEN, 0)).toEqual([]);
      await census.begin(tenant, THEN);
      await census.begin(tenant, LATER);
      expect([await isDue(THEN), await isDue(LATER)]).toEqual([false, true]);
      await counted(0, 3, chainsOf(3));
      expect(await isDue(THEN)).toBe(true);
      await census.build(tenant, built(chainsOf(3), 3));
      expect(await isDue(THEN)).toBe(true);
      await census.taken(tenant, 3, randomUUID(), THEN);
      // The fourth entry may be that of the census.
      expect([await isDue(THEN), await isDue(LATER)]).toEqual([false, false]);
      await grownTo(5);
      expect([await isDue(THEN), await isDue(LATER)]).toEqual([false, true]);
    });
  });
}
