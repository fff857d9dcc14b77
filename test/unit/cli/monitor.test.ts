import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { replaceFlushed } from '../../../src/adapters/data-directory/flushed-files.js';
import { Api } from '../../../src/cli/api.js';
import type { CommandParts } from '../../../src/cli/command-parts.js';
import { exitCodeOf } from '../../../src/cli/failures.js';
import { programOf } from '../../../src/cli/program.js';
import { canonicalJson } from '../../../src/formats/record-1/canonical-json.js';
import { parseBundlePath } from '../../../src/formats/record-1/tiles.js';
import { BUNDLE_BYTES_MAX } from '../../../src/monitor/bundle.js';
import { answering, type PlannedAnswer } from '../../support/answering-server.js';
import { collected } from '../../support/collected-output.js';
import { notarized, ServedRecord, VERIFIER_KEY } from '../../support/served-record.js';

let entries: readonly string[];
let tapes: ReadonlyMap<string, string[]>;
let folder: string;
beforeAll(async () => {
  ({ entries, tapes } = await notarized());
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'monitor-'));
});
afterEach(() => rm(folder, { recursive: true }));

const state = () => join(folder, 'state.json');

/** Runs the command until it ends, or until it has paused so often: then the test stops it. */
async function monitored(words: readonly string[], { url = '', onPause = async (_: number) => {} } = {}) {
  const [out, err] = [collected(), collected()];
  let pauses = 0;
  const refused = () => {
    throw new Error('the command needs nothing of this kind');
  };
  const parts = {
    ...{ version: '1', out, err, serve: refused, migrate: refused, projections: refused, openLog: refused },
    ...{ openRecord: refused, restored: refused, keepFile: replaceFlushed },
    api: async () => new Api({ url, key: 'vb_a_k' }),
    clock: { now: () => 0, monotonic: () => 0, sleep: () => onPause(++pauses) },
  } as unknown as CommandParts;
  const error: unknown = await programOf(parts)
    .parseAsync(['monitor', ...words, '--state', state()], { from: 'user' })
    .then(
      () => undefined,
      (thrown) => thrown,
    );
  return { out: out.text(), err: err.text(), error, code: error === undefined ? 0 : exitCodeOf(error) };
}

async function write(file: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(folder, file)), { recursive: true });
  await writeFile(join(folder, file), content);
}

async function writeRecord(record: ServedRecord): Promise<void> {
  const width = record.entries.length;
  await write('checkpoint', await record.checkpoint());
  await write(`tile/entries/000.p/${width}`, await record.bundle({ index: 0, width }));
  if (record.published) await write('census.json', JSON.stringify(record.published));
  for (const [stream, leaves] of tapes) await write(`tape/${stream}`, `${leaves.join('\n')}\n`);
}

/** As a server of Verbatim answers. */
const serving =
  (record: ServedRecord, change: (request: string) => PlannedAnswer | undefined = () => undefined) =>
  (request: string): PlannedAnswer => {
    const planned = change(request);
    if (planned) return planned;
    const path = request.replace('GET /api/v1/', '');
    if (path === 'record/key') return json({ vkey: VERIFIER_KEY, earlier: [] });
    if (path === 'record/checkpoint') return { body: record.noteOf(record.entries.length) };
    if (path === 'record/census') return record.published ? json(record.published) : problem(404, 'not_found');
    if (path === 'runs/g1/proof') return json({ tape: { events: tapes.get('generation-g1') } });
    const bundle = parseBundlePath(path.replace('record/tile/entries/', ''));
    if (!bundle) throw new Error(`not expected: ${request}`);
    const { index, width } = bundle;
    return { body: bytesOf(record.entries.slice(index * 256, index * 256 + width)) };
  };

const bytesOf = (texts: readonly string[]): Buffer =>
  Buffer.concat(texts.flatMap((text) => [Buffer.from([text.length >> 8, text.length & 255]), Buffer.from(text)]));
const json = (value: unknown): PlannedAnswer => ({
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
});
const problem = (status: number, code: string): PlannedAnswer => ({
  ...{ status, headers: { 'content-type': 'application/problem+json' } },
  body: JSON.stringify({ status, code, title: code }),
});

describe('verbatim monitor', () => {
  it('checks a folder of tiles with its census and tapes, and keeps the key and the note', async () => {
    const record = new ServedRecord(entries);
    record.takeCensus();
    await writeRecord(record);
    const { out, code } = await monitored([folder, '--vkey', VERIFIER_KEY, '--json']);
    const size = entries.length + 1;
    expect([code, JSON.parse(out)]).toMatchObject([0, { size, tapes: 1, census: size - 1, chains: 6 }]);
    expect(JSON.parse(await readFile(state(), 'utf8'))).toEqual({ vkey: VERIFIER_KEY, note: record.noteOf(size) });
    // The next run needs no key.
    expect(await monitored([folder])).toMatchObject({ code: 0, out: expect.stringMatching(/^origin +verbatim\/log/) });
  });

  it('ends with 1 and names the entry if one is wrong, and does not keep that note', async () => {
    const record = new ServedRecord(entries.toSpliced(2, 1));
    await writeRecord(record);
    const { error, code } = await monitored([folder, '--vkey', VERIFIER_KEY]);
    expect([code, String(error)]).toEqual([1, expect.stringMatching(/entry \d+ \(event/)]);
    await expect(readFile(state(), 'utf8')).rejects.toThrow('ENOENT');
  });

  it('refuses a rollback of the note that it has kept', async () => {
    await writeRecord(new ServedRecord(entries));
    await monitored([folder, '--vkey', VERIFIER_KEY]);
    const kept = await readFile(state(), 'utf8');
    await writeRecord(new ServedRecord(entries.slice(0, -1)));
    expect(await monitored([folder])).toMatchObject({
      code: 1,
      error: { message: expect.stringMatching(/^rollback/) },
    });
    expect(await readFile(state(), 'utf8')).toBe(kept);
  });

  it('ends with 2 for a folder without a key, a wrong pause, and a state of another key', async () => {
    await writeRecord(new ServedRecord(entries));
    expect(await monitored([folder])).toMatchObject({ code: 2 });
    expect(await monitored([folder, '--vkey', VERIFIER_KEY, '--every', '0'])).toMatchObject({ code: 2 });
    await writeFile(state(), '{}');
    expect(await monitored([folder, '--vkey', VERIFIER_KEY])).toMatchObject({ code: 2 });
    await writeFile(state(), JSON.stringify({ vkey: 'another', note: '' }));
    expect(await monitored([folder, '--vkey', VERIFIER_KEY])).toMatchObject({ code: 2 });
  });

  it('ends with 3 if the record cannot be read', async () => {
    expect(await monitored([folder, '--vkey', VERIFIER_KEY])).toMatchObject({ code: 3 });
    const unavailable = () => problem(503, 'unavailable');
    const away = await answering(unavailable, ({ url }) => monitored([], { url }));
    expect(away).toMatchObject({ code: 3, error: { message: expect.stringContaining('unavailable') } });
  });

  it('reads a server, with the events of its tapes if asked, and its own key', async () => {
    const record = new ServedRecord(entries);
    await answering(serving(record), async ({ url, asked }) => {
      expect(await monitored([url], { url })).toMatchObject({ code: 0 });
      expect(asked).not.toContain('GET /api/v1/runs/g1/proof');
      const { out } = await monitored([url, '--tapes', '--json'], { url });
      expect(JSON.parse(out)).toMatchObject({ tapes: 1, size: entries.length });
    });
    await answering(serving(record, tapeWith(409)), async ({ url }) => {
      expect(JSON.parse((await monitored([url, '--tapes', '--json'], { url })).out)).toMatchObject({ tapes: 0 });
    });
  });

  it.each([
    ['null for the census', 'record/census', 'null', 'the published census is malformed: it is no object'],
    ['a census without a root', 'record/census', '{"size":1,"count":1}', 'its member root is missing or wrong'],
    ['null for its keys', 'record/key', 'null', 'the published list of keys is malformed'],
    [
      'a tape that is no list',
      'runs/g1/proof',
      '{"tape":{"events":{}}}',
      'the published tape generation-g1 is malformed',
    ],
  ])('ends with 1 if the server answers %s', async (_, path, body, problem) => {
    const answer = serving(new ServedRecord(entries), (request) =>
      request.endsWith(path) ? { headers: { 'content-type': 'application/json' }, body } : undefined,
    );
    const { code, error } = await answering(answer, ({ url }) => monitored([url, '--tapes'], { url }));
    expect([code, String(error)]).toEqual([1, expect.stringContaining(problem)]);
  });

  it('ends with 1 if a bundle or a checkpoint is longer than its format allows, and reads no further', async () => {
    const record = new ServedRecord(entries);
    const long = Buffer.alloc(BUNDLE_BYTES_MAX + 1);
    for (const path of ['record/checkpoint', 'record/tile/entries/']) {
      const answer = serving(record, (request) => (request.includes(path) ? { body: long } : undefined));
      const { code, error } = await answering(answer, ({ url }) => monitored([url], { url }));
      expect([code, String(error)]).toEqual([1, expect.stringMatching(/has more than \d+ bytes$/)]);
    }
    await writeRecord(record);
    await write(`tile/entries/000.p/${entries.length}`, long);
    const { code, error } = await monitored([folder, '--vkey', VERIFIER_KEY]);
    expect([code, String(error)]).toEqual([1, expect.stringContaining(`has more than ${BUNDLE_BYTES_MAX} bytes`)]);
  });

  it('reads no file outside of its folder, also if an entry names a stream that leads there', async () => {
    const tape = entries.findIndex((leaf) => JSON.parse(leaf).kind === 'tape');
    const escaping = canonicalJson({ ...JSON.parse(entries[tape] as string), stream: 'generation-/../../secret' });
    await writeRecord(new ServedRecord(entries.with(tape, escaping)));
    const { code, error } = await monitored([folder, '--vkey', VERIFIER_KEY]);
    expect([code, String(error)]).toEqual([
      1,
      expect.stringContaining(`entry ${tape} is no entry of this format: its member stream is missing or wrong`),
    ]);
  });

  it('ends with 3 while a server hides the census, and with 1 if it shows an earlier one', async () => {
    const record = new ServedRecord(entries);
    record.takeCensus();
    const earlier = record.published;
    record.takeCensus();
    record.published = undefined;
    const hidden = await answering(serving(record), ({ url }) => monitored([url], { url }));
    expect(hidden).toMatchObject({
      code: 3,
      error: { message: `entry ${entries.length + 1} takes a census, and none is published` },
    });
    record.published = earlier;
    const old = await answering(serving(record), ({ url }) => monitored([url], { url }));
    expect(old).toMatchObject({ code: 1, error: { message: expect.stringMatching(/^rollback: .* takes a census/) } });
  });

  const tapeWith = (status: number) => (request: string) =>
    request.includes('/runs/') ? problem(status, 'not_recorded_yet') : undefined;

  it('follows a server through an outage, and ends with 1 at the first entry that is wrong', async () => {
    const record = new ServedRecord(entries.slice(0, 5));
    let isAway = false;
    const answer = serving(record, () => (isAway ? problem(503, 'unavailable') : undefined));
    await answering(answer, async ({ url }) => {
      const onPause = async (nth: number) => {
        isAway = nth === 1;
        if (nth === 2) record.entries = entries;
        if (nth === 3) record.entries = [...entries, entries[0] as string];
      };
      const { out, err, error, code } = await monitored([url, '--follow', '--json'], { url, onPause });
      const sizes = out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).size);
      expect(sizes).toEqual([5, entries.length]);
      expect(err).toMatch(/unavailable.*; trying again\n$/);
      expect([code, String(error)]).toEqual([
        1,
        expect.stringContaining(`entry ${entries.length} (event 0 of tenant-acme)`),
      ]);
    });
  });
});
