import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NewEvent } from '../../../src/events/envelope.js';
import { sha256 } from '../../../src/formats/record-1/hashes.js';
import { NoteSigner } from '../../../src/formats/record-1/note.js';
import { checkRecord } from '../../../src/notary/record-check.js';
import type { LoadedTree, RecordStore, StoredEntry, StoredNote } from '../../../src/ports/record.js';
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
    changed: Partial<Pick<RecordStore, 'entries' | 'lastNote' | 'load'>>,
  ): Promise<readonly string[]> {
    const record = Object.assign(Object.create(ground.record), changed) as RecordStore;
    const [tree] = await checkRecord(ground.log, record);
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
    const [tree] = await checkRecord(edited, ground.record);
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
    const [tree] = await checkRecord(cut, ground.record);
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
      expect(await checkRecord(growing, busy.record)).toEqual([
        { tenant: 'acme', size: 1, stored: 1, signed: 1, mistakes: [] },
      ]);
      expect(await busy.entries('acme')).toHaveLength(2);
    } finally {
      await busy.stop();
    }
  });

  it('finds a record of a tenant of which the log has no event', async () => {
    const empty = Object.assign(Object.create(ground.log), { readAll: async function* () {} });
    expect(await checkRecord(empty, ground.record)).toMatchObject([
      { tenant: 'acme', size: 0, stored: COUNT, mistakes: [expect.any(String), expect.any(String)] },
    ]);
  });

  it('reports as stored only what is stored, while the notary is behind', async () => {
    const behind = Object.assign(Object.create(ground.record), {
      ...entriesWith((entry) => (entry.index < 800 ? entry : undefined)),
      lastNote: async () => undefined,
      tenants: async () => [],
    }) as RecordStore;
    expect(await checkRecord(ground.log, behind)).toEqual([
      { tenant: 'acme', size: COUNT, stored: 800, signed: null, mistakes: [] },
    ]);
  });

  it('finds a note of another tree, and one that its key does not verify', async () => {
    const other = new NoteSigner(sha256('another key'));
    const tree = { size: COUNT, root: sha256('another root') };
    const forged = noteWith((note) => {
      return { ...note, note: other.sign('o', tree), verifierKey: other.verifierKey('o') };
    });
    expect(await mistakesOf(forged)).toEqual([`the signed tree of ${COUNT} entries has another root`]);
    const unsigned = noteWith((note) => ({ ...note, verifierKey: other.verifierKey('o') }));
    expect(await mistakesOf(unsigned)).toEqual(['the last note is not signed by its key']);
  });
});
