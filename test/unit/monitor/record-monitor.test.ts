import { beforeAll, describe, expect, it } from '@jest/globals';
import { canonicalJson } from '../../../src/formats/record-1/canonical-json.js';
import { base64, leafHash, sha256 } from '../../../src/formats/record-1/hashes.js';
import { RecordMonitor } from '../../../src/monitor/record-monitor.js';
import { RecordWrong } from '../../../src/monitor/tree-replay.js';
import { NEXT_KEY, notarized, ServedRecord, VERIFIER_KEY } from '../../support/served-record.js';

let entries: readonly string[];
let tapes: ReadonlyMap<string, string[]>;
beforeAll(async () => {
  ({ entries, tapes } = await notarized());
});

const monitorOf = (source: ServedRecord, lastNote?: string) =>
  new RecordMonitor({ source, verifierKey: VERIFIER_KEY, lastNote });

/** What a monitor says of these entries, under a tree that is signed for them. */
async function problemOf(changed: readonly string[]): Promise<string> {
  const error = await monitorOf(new ServedRecord(changed))
    .check()
    .catch((thrown) => thrown);
  return error instanceof RecordWrong ? error.message : `no problem found: ${JSON.stringify(error)}`;
}

const edited = (leaf: string, change: object): string => canonicalJson({ ...JSON.parse(leaf), ...change });
const indexOf = (wanted: object): number =>
  entries.findIndex((leaf) => Object.entries(wanted).every(([name, value]) => JSON.parse(leaf)[name] === value));

describe('a monitor of the record', () => {
  it('accepts what the notary records, with the events of its tapes', async () => {
    const source = new ServedRecord(entries);
    source.tapes = tapes;
    expect(await monitorOf(source).check()).toEqual({
      ...{ origin: 'verbatim/log.incarnation/acme', size: 15, chains: 5, tapes: 1, census: null },
      ...{ note: source.noteOf(15), root: source.noteOf(15).split('\n')[2], verifierKey: VERIFIER_KEY },
    });
  });

  it('finds an entry that was left out, doubled or swapped with the next, also if the operator signs that tree', async () => {
    const chainAgain = (index: number) =>
      entries.findIndex(
        (leaf, nth) => nth > index && JSON.parse(leaf).chain === JSON.parse(entries[index] as string).chain,
      );
    for (const index of entries.keys()) {
      const leaf = entries[index] as string;
      const next = chainAgain(index);
      const doubled = await problemOf(entries.toSpliced(index, 0, leaf));
      expect(doubled).toMatch(new RegExp(`^entry ${index + 1} \\(event`));
      // An end of a chain that no later entry continues is missing only for those who have a note or a census of it.
      if (next > 0) {
        expect(await problemOf(entries.toSpliced(index, 1))).toMatch(/^entry \d+ \(event/);
        expect(await problemOf(entries.toSpliced(index, 1))).toContain(`entry ${chainOrOwnerNext(index)} `);
      }
      if (next === index + 1) {
        const swapped = entries.toSpliced(index, 2, entries[next] as string, leaf);
        expect(await problemOf(swapped)).toMatch(new RegExp(`^entry ${index} \\(event`));
      }
    }
  });

  /** Where the absence of this entry shows first: at its next entry of the chain or of the stream. */
  const chainOrOwnerNext = (index: number): number => {
    const { chain, stream, owner, n } = JSON.parse(entries[index] as string);
    const isNext = (leaf: string) => {
      const entry = JSON.parse(leaf);
      return (
        entry.chain === chain || entry.stream === stream || (n === 0 && entry.on !== undefined && entry.owner === owner)
      );
    };
    return entries.findIndex((leaf, nth) => nth > index && isNext(leaf)) - 1;
  };

  it.each([
    ['is of another tenant', { stream: 'tenant-acme' }, { tenant: 'bcme' }, 'it is of tenant bcme'],
    ['continues another number', { stream: 'conversation-c2', n: 1 }, { n: 2 }, 'continues with 1'],
    ['has another predecessor', { stream: 'conversation-c2', n: 1 }, { prev: base64(sha256('x')) }, 'its prev is not'],
    ['has another revision', { stream: 'conversation-c2', n: 2 }, { rev: 3 }, 'the stream continues with revision 2'],
    ['has another owner', { stream: 'conversation-c2', n: 2 }, { owner: 'uada' }, 'has another owner'],
    ['numbers the conversations of its owner anew', { stream: 'conversation-c3', n: 0 }, { on: 0 }, 'continue with 1'],
    [
      'names another conversation of its owner',
      { stream: 'conversation-c3', n: 0 },
      { oprev: null },
      'its oprev is not',
    ],
    [
      'is of a chain of another stream',
      { stream: 'tenant-acme' },
      { chain: 'tenant-bcme' },
      'is no chain of its stream',
    ],
    ['counts fewer events of its tape', { kind: 'tape' }, { events: 3 }, 'its tape has 3 events up to revision 3'],
    [
      'is a tape of another stream',
      { kind: 'tape' },
      { stream: 'other-g1' },
      'the entry of a tape, and its stream is none',
    ],
  ])('names the entry that %s', async (_, wanted, change, problem) => {
    const index = indexOf(wanted);
    const found = await problemOf(entries.with(index, edited(entries[index] as string, change)));
    expect(found).toMatch(new RegExp(`^entry ${index} \\(event`));
    expect(found).toContain(problem);
  });

  it.each([
    ['another member', (leaf: string) => edited(leaf, { more: 1 }), 'it has the member more'],
    ['no hash as its body', (leaf: string) => edited(leaf, { body: 'AA==' }), 'its member body is missing or wrong'],
    ['another version', (leaf: string) => edited(leaf, { v: 2 }), 'its member v is missing or wrong'],
    ['an order of its own', (leaf: string) => JSON.stringify({ v: 1, ...JSON.parse(leaf) }), 'not in canonical form'],
    ['no JSON', () => '{', 'it is not JSON'],
    ['no object', () => '[]', 'it is no object'],
    ['too many bytes', (leaf: string) => edited(leaf, { type: 'x'.repeat(2_048) }), 'longer than 2048 bytes'],
    [
      'a link of an owner in its middle',
      (leaf: string) => edited(leaf, { on: 0, oprev: null }),
      'it has the member on',
    ],
  ])('names the entry that has %s', async (_, change, problem) => {
    const index = indexOf({ stream: 'conversation-c2', n: 1 });
    const found = await problemOf(entries.with(index, change(entries[index] as string)));
    expect(found).toMatch(new RegExp(`^entry ${index} is no entry of this format: `));
    expect(found).toContain(problem);
  });

  it('finds a second tape of a stream, and an event of a tape that has none', async () => {
    const tape = indexOf({ kind: 'tape' });
    const after = { ...JSON.parse(entries[tape] as string), n: 5, prev: base64(leafHash(entries.at(-1) as string)) };
    expect(await problemOf([...entries, canonicalJson(after)])).toContain('its tape has an entry already');
    const { events: _, root, ...rest } = after;
    const event = { ...rest, kind: 'event', body: root, stream: 'generation-g2', rev: 0 };
    expect(await problemOf([...entries, canonicalJson(event)])).toContain('an event of a tape that has no entry');
    const late = { ...rest, kind: 'event', body: root, rev: 4 };
    expect(await problemOf([...entries, canonicalJson(late)])).toContain('no problem found');
  });

  it.each([
    ['a changed event', (leaves: string[]) => leaves.with(1, '{"rev":1}')],
    ['a missing event', (leaves: string[]) => leaves.slice(0, -1)],
    ['no event', () => []],
  ])('finds that the entry of a tape does not commit to %s', async (_, change) => {
    const source = new ServedRecord(entries);
    source.tapes = new Map([['generation-g1', change([...(tapes.get('generation-g1') as string[])])]]);
    const index = indexOf({ kind: 'tape' });
    await expect(monitorOf(source).check()).rejects.toThrow(
      `entry ${index} does not commit to the 4 events of generation-g1`,
    );
  });

  it('finds a note of another key, and a root that the entries do not make', async () => {
    const source = new ServedRecord(entries);
    source.checkpoint = async () => source.noteOf(15).replace('acme\n15', 'acme\n14');
    await expect(monitorOf(source).check()).rejects.toThrow('the checkpoint is not signed with the key of');
    const note = source.noteOf(15);
    source.checkpoint = async () => note;
    source.entries = entries.with(14, edited(entries[14] as string, { body: base64(sha256('x')) }));
    await expect(monitorOf(source).check()).rejects.toThrow('fork: the checkpoint of 15 entries has the root');
  });

  it('refuses a bundle that is cut off, too long, or no bundle', async () => {
    for (const change of [
      (bytes: Uint8Array) => bytes.slice(0, -1),
      (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.from([0])]),
      (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.from([0, 1, 0xff])]),
      () => new Uint8Array(),
    ]) {
      const source = new ServedRecord(entries);
      const bundle = source.bundle.bind(source);
      source.bundle = async (slice) => change(await bundle(slice));
      await expect(monitorOf(source).check()).rejects.toThrow('bundle 0 does not hold 15 entries');
    }
  });
});

describe('a monitor that follows the record', () => {
  it('reads only what was added, and holds no entries', async () => {
    const source = new ServedRecord(entries.slice(0, 5));
    const monitor = monitorOf(source);
    expect(await monitor.check()).toMatchObject({ size: 5 });
    expect(await monitor.check()).toMatchObject({ size: 5 });
    expect(source.asked).toBe(1);
    source.entries = entries;
    expect(await monitor.check()).toMatchObject({ size: 15, chains: 5 });
    expect(source.asked).toBe(2);
  });

  it('refuses a rollback and a fork while it runs', async () => {
    const source = new ServedRecord(entries);
    const monitor = monitorOf(source);
    await monitor.check();
    source.entries = entries.slice(0, 14);
    await expect(monitor.check()).rejects.toThrow('rollback: a tree of 15 entries was signed, and now one of 14');
    source.entries = entries.with(14, edited(entries[14] as string, { body: base64(sha256('x')) }));
    await expect(monitor.check()).rejects.toThrow('fork: the checkpoint of 15 entries has the root');
  });

  it('refuses a rollback and a fork of the note that an earlier monitor accepted', async () => {
    const source = new ServedRecord(entries);
    const note = source.noteOf(12);
    expect(await monitorOf(source, note).check()).toMatchObject({ size: 15 });
    source.entries = entries.slice(0, 11);
    await expect(monitorOf(source, note).check()).rejects.toThrow('rollback: a tree of 12 entries was signed');
    const last = edited(entries[11] as string, { body: base64(sha256('x')) });
    source.entries = [...entries.slice(0, 11), last, ...entries.slice(0, 0)];
    await expect(monitorOf(source, note).check()).rejects.toThrow('fork: the accepted note of 12 entries has the root');
    await expect(async () => monitorOf(source, note.replace('12', '11'))).rejects.toThrow(
      'the kept note is not signed',
    );
  });
});

describe('a monitor of a record that gets another key', () => {
  it('follows the next key if both have signed one tree, and compares that tree', async () => {
    const source = new ServedRecord(entries.slice(0, 9));
    const monitor = monitorOf(source);
    await monitor.check();
    source.entries = entries.slice(0, 12);
    source.handOver();
    source.entries = entries;
    expect(await monitor.check()).toMatchObject({ size: 15, verifierKey: NEXT_KEY });
    expect(await monitorOf(source).check()).toMatchObject({ size: 15, verifierKey: NEXT_KEY });
    source.entries = entries.slice(0, 11);
    await expect(monitorOf(source).check()).rejects.toThrow(
      'rollback: a tree of 12 entries was signed, and now one of 11',
    );
    source.entries = entries.with(11, edited(entries[11] as string, { body: base64(sha256('x')) })).slice(0, 12);
    await expect(monitorOf(source).check()).rejects.toThrow('fork: the accepted note of 12 entries has the root');
  });

  it('refuses a key that the trusted one has not signed with, and keys that are not given', async () => {
    const source = new ServedRecord(entries);
    source.handOver(false);
    await expect(monitorOf(source).check()).rejects.toThrow('the checkpoint is not signed with the key of');
    source.publishedKeys = undefined;
    await expect(monitorOf(source).check()).rejects.toThrow('the checkpoint is not signed with the key of');
  });
});

describe('a monitor of the census', () => {
  const served = () => new ServedRecord(entries);

  it('recomputes it from the entries that it counts', async () => {
    const source = served();
    source.takeCensus();
    expect(await monitorOf(source).check()).toMatchObject({ size: 16, census: 15 });
  });

  it('recomputes one that counts entries which it has passed', async () => {
    const source = served();
    const monitor = monitorOf(source);
    await monitor.check();
    const all = source.entries;
    source.entries = all.slice(0, 13);
    source.takeCensus();
    const { published } = source;
    source.entries = all;
    source.takeCensus();
    source.published = published;
    await expect(monitor.check()).rejects.toThrow('entry 13 is not that of the published census');
    const another = served();
    const following = monitorOf(another);
    await following.check();
    another.takeCensus();
    expect(await following.check()).toMatchObject({ census: 15 });
    another.takeCensus();
    const late = another.published;
    another.published = undefined;
    await expect(following.check()).rejects.toThrow('entry 16 takes a census, and none is published');
    another.published = late;
    expect(await following.check()).toMatchObject({ size: 17, census: 16 });
  });

  it('accepts one that is taken between the reads of the census and of the checkpoint', async () => {
    const source = served();
    source.takeCensus();
    const monitor = monitorOf(source);
    await monitor.check();
    const checkpoint = source.checkpoint.bind(source);
    source.checkpoint = async () => {
      source.checkpoint = checkpoint;
      source.takeCensus();
      return checkpoint();
    };
    expect(await monitor.check()).toMatchObject({ size: 17, census: 16 });
  });

  it('finds that an earlier one is shown, also in its first run', async () => {
    const source = served();
    source.takeCensus();
    const earlier = source.published;
    source.takeCensus();
    source.published = earlier;
    await expect(monitorOf(source).check()).rejects.toThrow(
      'rollback: entry 16 takes a census, and the published one is that of entry 15',
    );
  });

  it.each([
    ['counts a chain less', { count: 4 }],
    ['has another root', { root: base64(sha256('x')) }],
    ['counts fewer entries', { size: 14 }],
  ])('finds a census that %s', async (_, change) => {
    const source = served();
    source.takeCensus(change);
    await expect(monitorOf(source).check()).rejects.toThrow(/^the census of entry 15 has \d chains and the root/);
  });

  it('finds a published census that its entry does not commit to', async () => {
    const source = served();
    source.takeCensus();
    const published = source.published as NonNullable<typeof source.published>;
    source.published = { ...published, count: 4 };
    await expect(monitorOf(source).check()).rejects.toThrow(
      'entry 15 commits to another census than the published one',
    );
    source.published = { ...published, data: '{' };
    await expect(monitorOf(source).check()).rejects.toThrow('entry 15 is not that of the published census');
    source.published = { ...published, index: 14 };
    await expect(monitorOf(source).check()).rejects.toThrow('the census of 15 entries has no entry behind them');
    source.published = { ...published, index: 16 };
    await expect(monitorOf(source).check()).rejects.toThrow('the census of 15 entries has no entry behind them');
  });
});
