import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Position, START } from '../../src/events/envelope.js';
import { sha256 } from '../../src/formats/record-1/hashes.js';
import type { Checkpoints } from '../../src/ports/checkpoints.js';
import type {
  RecordStep,
  RecordStore,
  StoredEntry,
  StoredKeyEnd,
  StoredNote,
  WantedHeads,
} from '../../src/ports/record.js';

/** A record and the checkpoints beside it, which several processes share. */
export interface RecordGround {
  open(): Promise<{ readonly record: RecordStore; readonly checkpoints: Checkpoints }>;
  destroy(): Promise<void>;
}

const at = (text: string) => text as Position;
const nothing: WantedHeads = { tenants: [], chains: [], owners: [], streams: [] };
const empty = { entries: [], tileHashes: [], trees: [], chains: [], owners: [] };
const NOW = '2026-01-02T03:04:05.678Z';

/** What every store of the record must do. Each test has tenants and a writer of its own. */
export function recordContract(engine: string, createGround: () => Promise<RecordGround>): void {
  describe(`the record in ${engine}`, () => {
    let ground: RecordGround;
    let record: RecordStore;
    let elsewhere: RecordStore;
    let checkpoints: Checkpoints;
    beforeAll(async () => {
      ground = await createGround();
      ({ record, checkpoints } = await ground.open());
      elsewhere = (await ground.open()).record;
    });
    afterAll(() => ground.destroy());

    let tenant: string;
    let writer: { name: string; epoch: number };
    beforeEach(async () => {
      tenant = `t-${randomUUID()}`;
      writer = { name: `notary-${randomUUID()}`, epoch: 3 };
      await checkpoints.open(writer.name, writer.epoch);
    });

    const entry = (index: number, rest: Partial<StoredEntry> = {}): StoredEntry => ({
      ...{ tenant, index, stream: 'conversation-c1', revision: index, event: randomUUID() },
      ...{ leaf: `{"entry":"ä ${index}"}`, hash: sha256(`${tenant} ${index}`) },
      ...rest,
    });
    const step = (from: Position, to: string, rest: Partial<RecordStep> = {}): RecordStep => ({
      ...{ from, to: at(to) },
      ...empty,
      ...rest,
    });
    const note = (size: number, rest: Partial<StoredNote> = {}): StoredNote => ({
      ...{ tenant, size, note: `note of ${size}\n\n— ä\n`, verifierKey: 'a+b+c', at: NOW },
      ...rest,
    });
    const wrote = async (by: typeof writer, made: RecordStep) => (await record.write(by, made)) !== undefined;
    const treeOf = (size: number, stopped: string | null = null) => ({
      ...{ tenant, size, edge: [sha256('one'), sha256('two')], stopped },
    });

    it('is empty for a tenant without entries', async () => {
      const wanted = { tenants: [tenant], chains: [{ tenant, name: 'a' }], owners: [{ tenant, name: 'a' }] };
      const heads = await record.load({ ...wanted, streams: [{ tenant, name: 'generation-g1' }] });
      expect(heads).toEqual({ trees: [], chains: [], owners: [], streams: [] });
      expect(await record.load(nothing)).toEqual({ trees: [], chains: [], owners: [], streams: [] });
      expect(await record.lastNote(tenant)).toBeUndefined();
      expect(await record.tile(tenant, { level: 0, index: 0 }, 256)).toEqual([]);
      expect(await record.entries(tenant, 0, 10)).toEqual([]);
      expect(await record.entryOf(tenant, 'conversation-c1', 0)).toBeUndefined();
      expect(await record.entryOfEvent(tenant, randomUUID())).toBeUndefined();
    });

    it('returns what a step wrote, to every process, and only what is asked for', async () => {
      const [chain, owner] = [
        { tenant, name: 'conversation-c1' },
        { tenant, name: 'u1' },
      ];
      const heads = {
        chains: [{ ...chain, next: 3, entry: 2, hash: sha256('a') }],
        owners: [{ ...owner, next: 1, entry: 0, hash: sha256('b') }],
      };
      const linked = '{"n":0,"on":0,"oprev":null,"owner":"u1","prev":null}';
      const entries = [entry(0, { leaf: linked }), entry(1), entry(2, { stream: 'generation-g1', revision: 7 })];
      expect(await wrote(writer, step(START, '0001', { entries, trees: [treeOf(3)], ...heads }))).toBe(true);
      const streams = ['generation-g1', 'generation-g2', chain.name].map((name) => ({ tenant, name }));
      const wanted = { tenants: [tenant], chains: [chain, { tenant, name: 'b' }], owners: [owner], streams };
      expect(await elsewhere.load(wanted)).toEqual({
        trees: [{ ...treeOf(3), entries: 3 }],
        chains: [{ ...chain, head: heads.chains[0], leaf: entries[2]?.leaf, newest: 1 }],
        owners: [{ ...owner, head: heads.owners[0], leaf: linked, newest: 0 }],
        streams: [
          { ...streams[0], revision: 7 },
          { ...chain, revision: 1 },
        ],
      });
      expect(await elsewhere.load({ ...nothing, chains: [{ tenant: `${tenant}x`, name: chain.name }] })).toMatchObject({
        chains: [],
      });
      expect(await elsewhere.entries(tenant, 0, 10)).toEqual(entries);
      expect(await elsewhere.entries(tenant, 1, 1)).toEqual([entries[1]]);
      expect(await checkpoints.read(writer.name)).toBe('0001');
    });

    it('returns what the entries say where a tree or a head is not stored, or names an entry that is not', async () => {
      const [chain, owner] = [
        { tenant, name: 'conversation-c1' },
        { tenant, name: 'u1' },
      ];
      const entries = ['u1', 'u2', 'u1', 'u10'].map((name, index) =>
        entry(index, { leaf: `{"on":${index},"oprev":null,"owner":"${name}","prev":null}` }),
      );
      const chains = [{ ...chain, next: 3, entry: 9, hash: sha256('a') }];
      await record.write(writer, step(START, '0001', { entries, chains }));
      expect(await elsewhere.load({ ...nothing, tenants: [tenant], chains: [chain], owners: [owner] })).toEqual({
        trees: [{ tenant, size: 0, edge: [], stopped: null, entries: 4 }],
        chains: [{ ...chain, head: chains[0], leaf: null, newest: 3 }],
        owners: [{ ...owner, head: null, leaf: null, newest: 2 }],
        streams: [],
      });
    });

    it('returns entries chain by chain, in the order of bytes, up to a size', async () => {
      const chained = (index: number, chain: string) =>
        entry(index, { leaf: `{"at":"2026","body":"b","chain":"${chain}","id":"\\"chain\\":\\"x\\"","n":${index}}` });
      const names = ['b-1', 'a-1', 'a-1', 'B-1', 'a-1', 'a-10', 'a-1_'];
      const entries = names.map((name, index) => chained(index, name));
      await record.write(writer, step(START, '0001', { entries }));
      const read = async (chain: string, index: number, size: number, count: number) =>
        (await elsewhere.chained(tenant, { chain, index }, size, count)).map((each) => each.index);
      expect(await read('', -1, 7, 10)).toEqual([3, 1, 2, 4, 5, 6, 0]);
      expect(await read('', -1, 4, 10)).toEqual([3, 1, 2, 0]);
      expect(await read('a-1', -1, 7, 3)).toEqual([1, 2, 4]);
      expect(await read('a-1', 2, 7, 2)).toEqual([4, 5]);
      expect(await read('b-1', 0, 7, 10)).toEqual([]);
      expect(await elsewhere.chained(`${tenant}x`, { chain: '', index: -1 }, 7, 10)).toEqual([]);
      expect(await elsewhere.chained(tenant, { chain: 'b-1', index: -1 }, 7, 10)).toEqual([entries[0]]);
    });

    it('returns the note of a size while it is kept', async () => {
      await record.publish(
        writer,
        { notes: [note(1), note(3)], refused: new Map(), ended: [] },
        '2000-01-01T00:00:00.000Z',
      );
      expect(await elsewhere.noteOf(tenant, 1)).toEqual(note(1));
      expect(await elsewhere.noteOf(tenant, 2)).toBeUndefined();
      expect(await elsewhere.noteOf(`${tenant}x`, 1)).toBeUndefined();
    });

    it('replaces trees and heads by later ones', async () => {
      const head = { tenant, name: 'conversation-c1' };
      const later = { trees: [treeOf(2, 'a reason')], chains: [{ ...head, next: 2, entry: 1, hash: sha256('b') }] };
      const first = { trees: [treeOf(1)], chains: [{ ...head, next: 1, entry: 0, hash: sha256('a') }] };
      await record.write(writer, step(START, '0001', { entries: [entry(0)], ...first }));
      await record.write(writer, step(at('0001'), '0002', { entries: [entry(1)], ...later }));
      expect(await record.load({ ...nothing, tenants: [tenant], chains: [head] })).toMatchObject({
        trees: later.trees,
        chains: [{ head: later.chains[0] }],
      });
    });

    it('refuses a step that does not begin at the checkpoint, or is of another epoch, as a whole', async () => {
      const entries = [entry(0)];
      const rest = { entries, trees: [treeOf(1)], tileHashes: [{ tenant, level: 1, index: 0, hash: sha256('a') }] };
      expect(await wrote(writer, step(at('0001'), '0002', rest))).toBe(false);
      expect(await wrote({ ...writer, epoch: 2 }, step(START, '0002', rest))).toBe(false);
      expect(await wrote({ ...writer, epoch: 4 }, step(START, '0002', rest))).toBe(false);
      expect(await wrote({ ...writer, name: 'another' }, step(START, '0002', rest))).toBe(false);
      expect(await record.entries(tenant, 0, 10)).toEqual([]);
      expect((await record.load({ ...nothing, tenants: [tenant] })).trees).toEqual([]);
      expect(await wrote(writer, step(START, '0002', rest))).toBe(true);
      expect(await wrote(writer, step(START, '0002', rest))).toBe(false);
      expect(await record.entries(tenant, 0, 10)).toEqual(entries);
    });

    it('stops the tenants whose rows it refuses, with a reason, and writes those of the others', async () => {
      const [first, second] = [`${tenant}-b`, `${tenant}-c`];
      await record.write(writer, step(START, '0001', { entries: [entry(0), entry(1)], trees: [treeOf(2)] }));
      const entries = [
        entry(2),
        entry(1),
        entry(0, { tenant: first }),
        { ...entry(0, { tenant: second }), event: randomUUID() },
      ];
      const trees = [treeOf(3), { ...treeOf(1), tenant: first }, { ...treeOf(1), tenant: second }];
      const chains = [tenant, first].map((each) => ({
        ...{ tenant: each, name: 'conversation-c1', next: 1, entry: 0 },
        hash: sha256('a'),
      }));
      const made = step(at('0001'), '0002', { entries, trees, chains });
      expect(await record.write({ ...writer, epoch: 2 }, made)).toBeUndefined();
      const written = await record.write(writer, made);
      expect([...(written?.refused ?? [])]).toEqual([[tenant, expect.any(String)]]);
      const [reason] = [...(written?.refused.values() ?? [])];
      expect((await elsewhere.entries(tenant, 0, 10)).map(({ index }) => index)).toEqual([0, 1]);
      expect(await elsewhere.entries(first, 0, 10)).toEqual([entries[2]]);
      expect(await elsewhere.entries(second, 0, 10)).toEqual([entries[3]]);
      const heads = await elsewhere.load({
        ...nothing,
        tenants: [tenant, first],
        chains: chains.map(({ tenant: each, name }) => ({ tenant: each, name })),
      });
      expect(heads.trees.map(({ size, stopped }) => [size, stopped])).toEqual([
        [2, reason],
        [1, null],
      ]);
      expect(heads.chains.map(({ tenant: each, head }) => [each, head?.next])).toEqual([
        [tenant, undefined],
        [first, 1],
      ]);
      expect(await checkpoints.read(writer.name)).toBe('0002');
    });

    it('lets one of two writers of the same step write', async () => {
      const steps = [record, elsewhere].map((each) => each.write(writer, step(START, '0001', { entries: [entry(0)] })));
      expect((await Promise.all(steps)).filter((written) => written !== undefined)).toEqual([{ refused: new Map() }]);
      expect(await record.entries(tenant, 0, 10)).toHaveLength(1);
    });

    it('has tiles of entries and of higher levels, as far as they are stored', async () => {
      const entries = Array.from({ length: 260 }, (_, nth) => entry(nth));
      const tileHashes = [0, 1, 256].map((index) => ({ tenant, level: 1, index, hash: sha256(`1/${index}`) }));
      await record.write(writer, step(START, '0001', { entries, tileHashes }));
      const hashes = entries.map(({ hash }) => hash);
      expect(await record.tile(tenant, { level: 0, index: 0 }, 256)).toEqual(hashes.slice(0, 256));
      expect(await record.tile(tenant, { level: 0, index: 0 }, 3)).toEqual(hashes.slice(0, 3));
      expect(await record.tile(tenant, { level: 0, index: 1 }, 256)).toEqual(hashes.slice(256));
      expect(await record.tile(tenant, { level: 1, index: 0 }, 256)).toEqual([sha256('1/0'), sha256('1/1')]);
      expect(await record.tile(tenant, { level: 1, index: 1 }, 256)).toEqual([sha256('1/256')]);
      expect(await record.tile(tenant, { level: 2, index: 0 }, 256)).toEqual([]);
      expect(await record.tile(`${tenant}x`, { level: 0, index: 0 }, 256)).toEqual([]);
    });

    it('finds the entry of an event, and that of a tape by any of its revisions, within the tenant alone', async () => {
      const other = `${tenant}-other`;
      const tape = { stream: 'generation-g1', revision: 7 };
      const entries = [
        entry(0),
        entry(1, tape),
        entry(2, { ...tape, revision: 8 }),
        entry(0, { ...tape, tenant: other }),
      ];
      await record.write(writer, step(START, '0001', { entries }));
      const [first, sealed, after, others] = entries;
      expect(await record.entryOf(tenant, 'conversation-c1', 0)).toEqual(first);
      expect(await record.entryOf(tenant, 'conversation-c1', 1)).toBeUndefined();
      for (const revision of [0, 3, 7]) expect(await record.entryOf(tenant, tape.stream, revision)).toEqual(sealed);
      expect(await record.entryOf(tenant, tape.stream, 8)).toEqual(after);
      expect(await record.entryOf(other, tape.stream, 0)).toEqual(others);
      expect(await record.entryOfEvent(tenant, first?.event ?? '')).toEqual(first);
      expect(await record.entryOfEvent(other, first?.event ?? '')).toBeUndefined();
    });

    it('has the last note, and keeps earlier ones until they expire', async () => {
      const refused = new Map<string, string | null>();
      const publish = (...notes: StoredNote[]) =>
        record.publish(writer, { notes, refused, ended: [] }, '2026-01-02T00:00:00.000Z');
      expect(await publish(note(2), note(1, { tenant: `${tenant}x` }))).toBe(true);
      expect(await elsewhere.lastNote(tenant)).toEqual(note(2));
      expect(await publish(note(5, { at: '2026-01-01T00:00:00.000Z' }))).toBe(true);
      expect(await elsewhere.lastNote(tenant)).toEqual(note(5, { at: '2026-01-01T00:00:00.000Z' }));
      expect(await publish(note(9))).toBe(true);
      expect(await elsewhere.lastNote(tenant)).toEqual(note(9));
      expect(await elsewhere.lastNote(`${tenant}x`)).toEqual(note(1, { tenant: `${tenant}x` }));
      expect(await record.publish({ ...writer, epoch: 4 }, { notes: [note(10)], refused, ended: [] }, NOW)).toBe(false);
      expect(await elsewhere.lastNote(tenant)).toEqual(note(9));
    });

    it('lists the stored ends of chains and of owners, in pages', async () => {
      const headsOf = (prefix: string) =>
        ['b', 'a', 'c'].map((name, entry) => {
          return { tenant, name: `${prefix}${name}`, next: entry + 1, entry, hash: sha256(`${prefix}${name}`) };
        });
      const [chains, owners] = [headsOf('conversation-'), headsOf('u')];
      const others = [{ tenant: `${tenant}-b`, name: 'conversation-a', next: 9, entry: 9, hash: sha256('x') }];
      await record.write(writer, step(START, '0001', { chains: [...chains, ...others], owners }));
      const inOrder = [chains[1], chains[0], chains[2]];
      expect(await elsewhere.heads(tenant, 'chains', '', 10)).toEqual(inOrder);
      expect(await elsewhere.heads(tenant, 'chains', '', 2)).toEqual(inOrder.slice(0, 2));
      expect(await elsewhere.heads(tenant, 'chains', 'conversation-b', 2)).toEqual(inOrder.slice(2));
      expect(await elsewhere.heads(tenant, 'owners', '', 10)).toEqual([owners[1], owners[0], owners[2]]);
    });

    it('has the last notes of several tenants, and none of one without', async () => {
      const notes = [note(2), note(5), note(1, { tenant: `${tenant}-b` })];
      await record.publish(writer, { notes, refused: new Map(), ended: [] }, NOW);
      const found = await elsewhere.lastNotes([tenant, `${tenant}-b`, `${tenant}-c`]);
      expect(found.map(({ tenant: each, size }) => [each, size])).toEqual([
        [tenant, 5],
        [`${tenant}-b`, 1],
      ]);
    });

    it('keeps where each earlier key of a tenant ended, as it was first published', async () => {
      const end = (verifierKey: string, size: number) => {
        return { tenant, verifierKey, size, note: `note of ${size}`, at: NOW };
      };
      const publish = (by: typeof writer, ...ended: StoredKeyEnd[]) =>
        record.publish(by, { notes: [], refused: new Map(), ended }, NOW);
      expect(await elsewhere.keyEnds(tenant)).toEqual([]);
      expect(await publish(writer, end('b', 7), { ...end('b', 1), tenant: `${tenant}-b` })).toBe(true);
      expect(await publish(writer, end('a', 3), end('b', 9))).toBe(true);
      expect(await publish({ ...writer, epoch: 9 }, end('c', 10))).toBe(false);
      expect(await elsewhere.keyEnds(tenant)).toEqual([end('a', 3), end('b', 7)]);
    });

    it('records why a tenant without a tree is not signed', async () => {
      const refuse = (reason: string | null) =>
        record.publish(writer, { notes: [], refused: new Map([[tenant, reason]]), ended: [] }, NOW);
      const found = async () => [...(await elsewhere.troubles(1_000))].filter(([each]) => each === tenant);
      await refuse(null);
      expect((await elsewhere.tenants()).includes(tenant)).toBe(false);
      await refuse('lost');
      expect(await found()).toEqual([[tenant, 'lost']]);
      const { trees } = await elsewhere.load({ ...nothing, tenants: [tenant] });
      expect(trees).toEqual([{ tenant, size: 0, edge: [], stopped: null, entries: 0 }]);
      await refuse(null);
      expect(await found()).toEqual([]);
    });

    it('lists the tenants that have a tree or a note', async () => {
      await record.write(writer, step(START, '0001', { trees: [treeOf(3)] }));
      await record.publish(
        writer,
        { notes: [note(2), note(1, { tenant: `${tenant}-b` })], refused: new Map(), ended: [] },
        NOW,
      );
      expect((await elsewhere.tenants()).filter((each) => each.startsWith(tenant)).sort()).toEqual([
        tenant,
        `${tenant}-b`,
      ]);
    });

    it('lists the trees that are larger than their last note', async () => {
      const trees = [treeOf(3), { ...treeOf(1), tenant: `${tenant}-b` }];
      await record.write(writer, step(START, '0001', { trees }));
      const unsigned = async () => (await elsewhere.unsigned()).filter((each) => each.startsWith(tenant)).sort();
      expect(await unsigned()).toEqual([tenant, `${tenant}-b`]);
      await record.publish(
        writer,
        { notes: [note(2), note(1, { tenant: `${tenant}-b` })], refused: new Map(), ended: [] },
        NOW,
      );
      expect(await unsigned()).toEqual([tenant]);
      await record.publish(writer, { notes: [note(3)], refused: new Map(), ended: [] }, NOW);
      expect(await unsigned()).toEqual([]);
    });

    it('lists the trees that do not grow or are not signed, with the reason', async () => {
      await record.write(
        writer,
        step(START, '0001', { trees: [treeOf(3), { ...treeOf(1, 'gap'), tenant: `${tenant}-b` }] }),
      );
      const refuse = (reason: string | null) =>
        record.publish(writer, { notes: [], refused: new Map([[tenant, reason]]), ended: [] }, NOW);
      const troubles = async () => [...(await elsewhere.troubles(1_000))].filter(([each]) => each.startsWith(tenant));
      expect(await refuse('a fork')).toBe(true);
      expect(await troubles()).toEqual([
        [tenant, 'a fork'],
        [`${tenant}-b`, 'gap'],
      ]);
      await refuse(null);
      expect(await troubles()).toEqual([[`${tenant}-b`, 'gap']]);
      expect((await elsewhere.troubles(0)).size).toBe(0);
    });
  });

  describe(`the writer of a record in ${engine}`, () => {
    it('writes nothing more once its ownership was ended, and the next one goes on at its place', async () => {
      const ground = await createGround();
      const { record, checkpoints } = await ground.open();
      try {
        const writer = { name: 'notary', epoch: 1 };
        await checkpoints.open(writer.name, writer.epoch);
        await record.write(writer, { from: START, to: at('0001'), ...empty });
        await record.endOwner(writer.name);
        expect(await record.write(writer, { from: at('0001'), to: at('0002'), ...empty })).toBeUndefined();
        expect(await record.publish(writer, { notes: [], refused: new Map(), ended: [] }, NOW)).toBe(false);
        expect(await checkpoints.open(writer.name, 2)).toBe('0001');
      } finally {
        await ground.destroy();
      }
    });
  });

  describe(`a forgotten record in ${engine}`, () => {
    it('has no entries and begins at the start, keeps its notes, and refuses the writer that was at work', async () => {
      const ground = await createGround();
      const { record, checkpoints } = await ground.open();
      try {
        const [tenant, writer] = ['acme', { name: 'notary', epoch: 1 }];
        await checkpoints.open(writer.name, writer.epoch);
        const hash = sha256('a');
        const entries = [
          { tenant, index: 0, stream: 'tenant-acme', revision: 0, event: randomUUID(), leaf: '{}', hash },
        ];
        const heads = [{ tenant, name: 'tenant-acme', next: 1, entry: 0, hash }];
        const trees = [{ tenant, size: 1, edge: [hash], stopped: null }];
        const whole = { ...empty, entries, trees, chains: heads, owners: heads };
        const notes = [{ tenant, size: 1, note: 'note', verifierKey: 'key', at: NOW }];
        await record.write(writer, { from: START, to: at('0001'), ...whole });
        await record.publish(writer, { notes, refused: new Map(), ended: [] }, NOW);
        await record.forget(writer.name);
        expect(await record.entries(tenant, 0, 10)).toEqual([]);
        const wanted = { tenants: [tenant], chains: heads, owners: heads, streams: [] };
        expect(await record.load(wanted)).toEqual({ trees: [], chains: [], owners: [], streams: [] });
        expect(await record.lastNote(tenant)).toEqual(notes[0]);
        expect(await record.write(writer, { from: at('0001'), to: at('0002'), ...empty })).toBeUndefined();
        expect(await record.write(writer, { from: START, to: at('0002'), ...empty })).toBeUndefined();
        expect(await checkpoints.open(writer.name, 2)).toBe(START);
        expect(await record.write({ ...writer, epoch: 2 }, { from: START, to: at('0001'), ...whole })).toBeDefined();
      } finally {
        await ground.destroy();
      }
    });
  });
}
