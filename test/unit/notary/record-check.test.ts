import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NewEvent } from '../../../src/events/envelope.js';
import { rootOf } from '../../../src/formats/record-1/frontier.js';
import { sha256 } from '../../../src/formats/record-1/hashes.js';
import { NoteSigner, originOf } from '../../../src/formats/record-1/note.js';
import { SigningKeys } from '../../../src/formats/record-1/signing-keys.js';
import { checkRecord } from '../../../src/notary/record-check.js';
import type {
  KeptNote,
  LoadedTree,
  RecordStore,
  StoredEntry,
  StoredHead,
  StoredNote,
} from '../../../src/ports/record.js';
import { MemoryNotes } from '../../support/memory/memory-record.js';
import { appendAtEnd } from '../../support/new-events.js';
import { NotaryGround } from '../../support/notary-ground.js';

const COUNT = 1_200;

describe('the check of the record', () => {
  const ground = new NotaryGround();
  beforeAll(async () => {
    for (let nth = 0; nth < COUNT; nth += 400) {
      const events = Array.from({ length: 400 }, (_, of): NewEvent => {
        const meta = JSON.stringify({ conversation: `c${of % 7}` });
        return {
          ...{ id: randomUUID(), type: 'MessageSent', schema: 2, tenant: 'acme', at: '2026-01-02T03:04:05.678Z' },
          ...{ data: JSON.stringify({ nth: nth + of }), meta },
        };
      });
      await appendAtEnd(ground.log, 'conversation-c1', events);
    }
    ground.start();
    await ground.signed();
    await ground.stop();
  });
  afterAll(() => ground.stop());

  async function mistakesOf(
    changed: Partial<Pick<RecordStore, 'entries' | 'heads' | 'lastNote' | 'load'>>,
  ): Promise<readonly string[]> {
    const record = Object.assign(Object.create(ground.record), changed) as RecordStore;
    const [tree] = await checkRecord(ground.log, record, await ground.outside());
    return tree?.mistakes ?? ['no tree'];
  }

  const entriesWith = (change: (entry: StoredEntry) => StoredEntry | undefined): Pick<RecordStore, 'entries'> => ({
    entries: async (...args) => (await ground.record.entries(...args)).flatMap((entry) => change(entry) ?? []),
  });
  const noteWith = (change: (note: StoredNote) => StoredNote): Pick<RecordStore, 'lastNote'> => ({
    lastNote: async (tenant) => {
      const note = await ground.record.lastNote(tenant);
      return note && change(note);
    },
  });

  it('finds no mistake in the record that the notary makes', async () => {
    expect(await ground.check()).toEqual([{ tenant: 'acme', size: COUNT, stored: COUNT, signed: COUNT, mistakes: [] }]);
  });

  it.each([0, 499, 500, COUNT - 1])('finds that entry %i was changed', async (index) => {
    const place = `entry ${index} is not that of event ${index} of conversation-c1`;
    const changed = (change: Partial<StoredEntry>) =>
      mistakesOf(entriesWith((entry) => (entry.index === index ? { ...entry, ...change } : entry)));
    expect(await changed({ leaf: '{}' })).toEqual([place]);
    expect(await changed({ hash: sha256('another') })).toEqual([place]);
  });

  it('finds that an event of the log was changed, by all entries of its chain behind it', async () => {
    const { log } = ground;
    const edited = Object.assign(Object.create(log), {
      readAll: async function* (...args: Parameters<typeof log.readAll>) {
        for await (const page of log.readAll(...args)) {
          const events = page.events.map((event) => (event.revision === 7 ? { ...event, data: '{"nth":"7"}' } : event));
          yield { ...page, events };
        }
      },
    });
    const [tree] = await checkRecord(edited, ground.record, await ground.outside());
    expect(tree?.mistakes.slice(0, 3)).toEqual(
      [7, 14, 21].map((nth) => `entry ${nth} is not that of event ${nth} of conversation-c1`),
    );
    expect(tree?.mistakes).toHaveLength(10);
  });

  it.each([
    ['at the end', [COUNT - 2, COUNT - 1]],
    ['at the end of a page', [499]],
    ['in the middle', [7, 700]],
  ])('finds that entries %s are not stored any more', async (_where, deleted) => {
    const mistakes = await mistakesOf(entriesWith((entry) => (deleted.includes(entry.index) ? undefined : entry)));
    expect(mistakes).toEqual([
      ...deleted.map((index) => `entry ${index} is not stored`),
      `a tree of ${COUNT} entries is signed, and only ${COUNT - deleted.length} of them are stored`,
    ]);
  });

  it('finds that all entries were deleted', async () => {
    const mistakes = await mistakesOf(entriesWith(() => undefined));
    expect(mistakes).toHaveLength(10);
    expect(mistakes[0]).toBe('entry 0 is not stored');
  });

  it('finds that the stored tree was deleted or changed', async () => {
    const loadWith = (change: (tree: LoadedTree) => LoadedTree[]): Pick<RecordStore, 'load'> => ({
      load: async (wanted) => {
        const heads = await ground.record.load(wanted);
        return { ...heads, trees: heads.trees.flatMap(change) };
      },
    });
    expect(await mistakesOf(loadWith(() => []))).toEqual([`${COUNT} entries are stored, and the stored tree has 0`]);
    expect(await mistakesOf(loadWith((tree) => [{ ...tree, edge: tree.edge.slice(1) }]))).toEqual([
      `the stored tree of ${COUNT} entries has other hashes`,
    ]);
  });

  it('finds that the record has entries which the log does not make', async () => {
    const { log } = ground;
    const cut = Object.assign(Object.create(log), {
      readAll: async function* (...args: Parameters<typeof log.readAll>) {
        for await (const page of log.readAll(...args)) {
          yield { ...page, events: page.events.filter(({ revision }) => revision < COUNT - 5) };
        }
      },
    });
    const [tree] = await checkRecord(cut, ground.record, await ground.outside());
    expect(tree?.mistakes).toEqual([
      `entry ${COUNT - 5} is stored, and the log makes none there`,
      `a tree of ${COUNT} entries is signed, and the log makes ${COUNT - 5}`,
    ]);
  });

  it('finds no mistake in what the notary records after the log was read to its end', async () => {
    const busy = new NotaryGround();
    const growing = Object.assign(Object.create(busy.log), {
      readAll: async function* (...args: Parameters<typeof busy.log.readAll>) {
        yield* busy.log.readAll(...args);
        for (const tenant of ['acme', 'b']) await grow(tenant);
      },
    });
    const grow = async (tenant: string) => {
      const event = { id: randomUUID(), type: 'TenantCreated', schema: 2, tenant, at: '2026-01-02T03:04:05.678Z' };
      await appendAtEnd(busy.log, `tenant-${tenant}`, [{ ...event, data: '{}', meta: '{}' }]);
      await busy.signed();
    };
    busy.start();
    try {
      await grow('acme');
      expect(await checkRecord(growing, busy.record, await busy.outside())).toEqual([
        { tenant: 'acme', size: 1, stored: 1, signed: 1, mistakes: [] },
      ]);
      expect(await busy.entries('acme')).toHaveLength(2);
    } finally {
      await busy.stop();
    }
  });

  it('finds a record of a tenant of which the log has no event', async () => {
    const empty = Object.assign(Object.create(ground.log), { readAll: async function* () {} });
    expect(await checkRecord(empty, ground.record, await ground.outside())).toMatchObject([
      { tenant: 'acme', size: 0, stored: COUNT, mistakes: [expect.any(String), expect.any(String)] },
    ]);
  });

  it('reports as stored only what is stored, while the notary is behind', async () => {
    const behind = Object.assign(Object.create(ground.record), {
      ...entriesWith((entry) => (entry.index < 800 ? entry : undefined)),
      lastNote: async () => undefined,
      tenants: async () => [],
    }) as RecordStore;
    expect(await checkRecord(ground.log, behind, { ...(await ground.outside()), kept: new MemoryNotes() })).toEqual([
      { tenant: 'acme', size: COUNT, stored: 800, signed: null, mistakes: [] },
    ]);
  });

  const other = new NoteSigner(sha256('another key'));
  const ours = new NoteSigner(sha256('the key'));
  const origin = async (tenant = 'acme') => originOf(await ground.log.identity(), 'first', tenant);
  const tree = { size: COUNT, root: sha256('another root') };

  it('finds a note of another tree, and one that another key has signed, also if the row names that key', async () => {
    const name = await origin();
    const changed = (signer: NoteSigner) =>
      noteWith((note) => ({ ...note, note: signer.sign(name, tree), verifierKey: signer.verifierKey(name) }));
    expect(await mistakesOf(changed(ours))).toEqual([`the last signed tree of ${COUNT} entries has another root`]);
    expect(await mistakesOf(changed(other))).toEqual(['the last note is not signed by a key of the record']);
    const renamed = noteWith((note) => ({ ...note, note: ours.sign(`${name}x`, tree) }));
    expect(await mistakesOf(renamed)).toEqual(['the last note is not signed by a key of the record']);
  });

  it('takes a note of an earlier key of the record', async () => {
    const outside = { ...(await ground.outside()), keys: new SigningKeys(other, [ours]) };
    expect(await checkRecord(ground.log, ground.record, outside)).toMatchObject([{ mistakes: [] }]);
  });

  it('compares the trees of notes without a key, too', async () => {
    const outside = { ...(await ground.outside()), keys: undefined };
    expect(await checkRecord(ground.log, ground.record, outside)).toMatchObject([{ mistakes: [] }]);
    const name = await origin();
    const record = Object.assign(
      Object.create(ground.record),
      noteWith((note) => ({ ...note, note: other.sign(name, tree) })),
    ) as RecordStore;
    expect((await checkRecord(ground.log, record, outside))[0]?.mistakes).toEqual([
      `the last signed tree of ${COUNT} entries has another root`,
    ]);
  });

  it('compares every kept note: of another tree, of more entries, of another key, unreadable, and of no tenant', async () => {
    const name = await origin();
    const checked = async (...notes: KeptNote[]) => {
      const kept = {
        all: async function* () {
          yield* notes;
        },
      };
      const trees = await checkRecord(ground.log, ground.record, { ...(await ground.outside()), kept });
      return trees.map(({ tenant, mistakes }) => [tenant, mistakes]);
    };
    const keptAs = (note: string | undefined) => ({ tenant: 'acme', note });
    const early = { size: 7, root: rootOf((await ground.record.entries('acme', 0, 7)).map(({ hash }) => hash)) };
    expect(await checked(keptAs(ours.sign(name, early)))).toEqual([['acme', []]]);
    expect(await checked(keptAs(ours.sign(name, { ...early, root: sha256('x') })))).toEqual([
      ['acme', ['the kept signed tree of 7 entries has another root']],
    ]);
    expect(await checked(keptAs(ours.sign(name, { ...tree, size: COUNT + 1 })))).toEqual([
      ['acme', [`a tree of ${COUNT + 1} entries is signed, and the log makes ${COUNT}`]],
    ]);
    for (const note of [other.sign(name, early), undefined])
      expect(await checked(keptAs(note))).toEqual([['acme', ['the kept note is not signed by a key of the record']]]);
    expect(await checked(keptAs(ours.sign(originOf('another', 'first', 'acme'), tree)))).toEqual([['acme', []]]);
    const lost = await origin('lost');
    expect(await checked({ tenant: 'lost', note: ours.sign(lost, { ...tree, size: 2 }) })).toEqual([
      ['acme', []],
      ['lost', ['a tree of 2 entries is signed, and the log makes 0']],
    ]);
  });

  it.each([
    ['has another hash', (head: StoredHead) => [{ ...head, hash: sha256('x') }]],
    ['has another number', (head: StoredHead) => [{ ...head, next: head.next + 1 }]],
    ['names another entry', (head: StoredHead) => [{ ...head, entry: head.entry - 1 }]],
    ['is missing', () => []],
  ])('finds that the stored end of a chain %s', async (_how, change) => {
    const heads: RecordStore['heads'] = async (...args) =>
      (await ground.record.heads(...args)).flatMap((head) => (head.name.endsWith('c3') ? change(head) : [head]));
    expect(await mistakesOf({ heads })).toEqual(['the stored end of conversation-c3 is not its last entry']);
  });

  it('finds the stored end of a chain that the log does not make, and an earlier one', async () => {
    const added: RecordStore['heads'] = async (...args) => [
      ...(await ground.record.heads(...args)),
      ...(args[1] === 'owners' ? [{ tenant: 'acme', name: 'u9', next: 1, entry: 3, hash: sha256('x') }] : []),
    ];
    expect(await mistakesOf({ heads: added })).toEqual([
      'the stored end of the conversations of u9 is not the last one',
    ]);
    // Entry 3 is the first one of its chain.
    const [first] = await ground.record.entries('acme', 3, 1);
    const early: RecordStore['heads'] = async (...args) =>
      (await ground.record.heads(...args)).map((head) =>
        head.name === 'conversation-c3' ? { ...head, next: 1, entry: 3, hash: (first as StoredEntry).hash } : head,
      );
    expect(await mistakesOf({ heads: early })).toEqual(['the stored end of conversation-c3 is not its last entry']);
  });
});
