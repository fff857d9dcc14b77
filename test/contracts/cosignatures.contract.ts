import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Position, START } from '../../src/events/envelope.js';
import { sha256 } from '../../src/formats/record-1/hashes.js';
import type { CensusStore } from '../../src/ports/census.js';
import type { Checkpoints } from '../../src/ports/checkpoints.js';
import type { Cosignature, Cosignatures } from '../../src/ports/cosignatures.js';
import type { RecordStore } from '../../src/ports/record.js';

/** Cosignatures beside a record and its census, which several processes share. */
export interface CosignaturesGround {
  open(): Promise<{
    readonly cosignatures: Cosignatures;
    readonly census: CensusStore;
    readonly record: RecordStore;
    readonly checkpoints: Checkpoints;
  }>;
  destroy(): Promise<void>;
}

const THEN = '2026-01-02T03:04:05.678Z';
const LATER = '2026-01-03T03:04:05.678Z';
const [ONE, TWO] = ['witness.example/w1+00+A', 'witness.example/w2+00+B'];
const PREFIX = 'verbatim/log.first/';

/** What every store of cosignatures must do. Each test has a tenant of its own. */
export function cosignaturesContract(engine: string, createGround: () => Promise<CosignaturesGround>): void {
  describe(`the cosignatures in ${engine}`, () => {
    let ground: CosignaturesGround;
    let cosignatures: Cosignatures;
    let census: CensusStore;
    let record: RecordStore;
    let checkpoints: Checkpoints;
    beforeAll(async () => {
      ground = await createGround();
      ({ cosignatures, census, record, checkpoints } = await ground.open());
    });
    afterAll(() => ground.destroy());

    let tenant: string;
    let origin: string;
    beforeEach(() => {
      tenant = `t-${randomUUID()}`;
      origin = `${PREFIX}${tenant}`;
    });

    const add = (size: number, witness: string, rest: Partial<Cosignature> = {}) =>
      cosignatures.add({
        ...{ tenant, origin, size, witness, at: THEN },
        ...{ note: `note of ${size}\n\n— ä\n`, line: `— ${witness} ${size}\n` },
        ...rest,
      });
    const isDue = async (cosignedBefore = THEN, witness = ONE, originPrefix = PREFIX) => {
      const wanted = { witness, originPrefix, cosignedBefore, tenantsMax: 1_000_000 };
      return (await cosignatures.due(wanted)).includes(tenant);
    };
    const grownTo = async (size: number, event?: string) => {
      const writer = { name: `notary-${randomUUID()}`, epoch: 1 };
      await checkpoints.open(writer.name, writer.epoch);
      const trees = [{ tenant, size, edge: [sha256('edge')], stopped: null }];
      const entry = { tenant, index: size - 1, stream: 's-1', revision: 0, leaf: '{}', hash: sha256('leaf') };
      const entries = event === undefined ? [] : [{ ...entry, event }];
      const nothing = { tileHashes: [], chains: [], owners: [] };
      await record.write(writer, { from: START, to: 'a' as Position, trees, entries, ...nothing });
    };

    it('have the lines of all witnesses of one note, and the largest note with its lines', async () => {
      expect(await cosignatures.lines(origin, 3)).toEqual([]);
      expect(await cosignatures.lastNote(origin)).toBeUndefined();
      expect(await cosignatures.lastSize(origin, ONE)).toBeUndefined();
      await add(3, TWO);
      await add(3, ONE);
      await add(30, ONE);
      await add(4, TWO);
      await add(99, ONE, { origin: `${origin}-other` });
      expect(await cosignatures.lines(origin, 3)).toEqual([`— ${ONE} 3\n`, `— ${TWO} 3\n`]);
      expect(await cosignatures.lastNote(origin)).toBe(`note of 30\n\n— ä\n— ${ONE} 30\n`);
      expect([await cosignatures.lastSize(origin, ONE), await cosignatures.lastSize(origin, TWO)]).toEqual([30, 4]);
      await add(30, ONE, { line: '— again\n', at: LATER });
      expect(await cosignatures.lines(origin, 30)).toEqual(['— again\n']);
    });

    it('are due for a tree without one, and for one with news after a time, of each witness and origin', async () => {
      expect(await isDue()).toBe(false);
      await grownTo(3);
      expect(await isDue()).toBe(true);
      await add(3, ONE);
      expect([await isDue(LATER), await isDue(LATER, TWO)]).toEqual([false, true]);
      expect(await isDue(LATER, ONE, 'verbatim/log.second/')).toBe(true);
      await grownTo(4);
      expect([await isDue(THEN), await isDue(LATER)]).toEqual([false, true]);
      const wanted = { witness: ONE, originPrefix: PREFIX, cosignedBefore: LATER, tenantsMax: 0 };
      expect(await cosignatures.due(wanted)).toEqual([]);
    });

    it('are due at once for a tree with a census that is not cosigned', async () => {
      await grownTo(3);
      await add(3, ONE);
      const event = randomUUID();
      await census.count(tenant, { from: 0, to: 3, chains: [], since: THEN });
      await census.build(tenant, { size: 3, count: 0, root: sha256(''), tileHashes: [], firstKeys: [] });
      await census.taken(tenant, 3, event, THEN);
      expect(await isDue(THEN)).toBe(false);
      await grownTo(4, event);
      expect(await isDue(THEN)).toBe(true);
      await add(4, ONE);
      expect(await isDue(THEN)).toBe(false);
      await grownTo(5);
      expect(await isDue(THEN)).toBe(false);
    });
  });
}
