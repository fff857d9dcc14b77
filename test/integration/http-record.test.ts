import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { RecordedEvent } from '../../src/events/envelope.js';
import { canonicalJson } from '../../src/formats/record-1/canonical-json.js';
import { rootOf } from '../../src/formats/record-1/frontier.js';
import { base64, type Hash, leafHash, sha256 } from '../../src/formats/record-1/hashes.js';
import { openNote } from '../../src/formats/record-1/note.js';
import { isConsistent, rootFromInclusion, type SignedTree } from '../../src/formats/record-1/proofs.js';
import { type Chat, startChat, type Turn } from '../support/chat.js';
import { expectProblem } from '../support/expect-problem.js';
import { wholeStream } from '../support/new-events.js';
import { until } from '../support/until.js';

const RECORD = '/api/v1/record';
/** What the record commits to of an event that is not protected, from its stored texts. */
const rawBody = ({ data, meta }: Pick<Entry, 'data' | 'meta'>) => `{"raw":"${base64(sha256(`${data}\0${meta}`))}"}`;
const hash = (text: string): Hash => Buffer.from(text, 'base64');

interface Entry {
  readonly index: number;
  readonly leaf: string;
  readonly body: string | null;
  readonly data: string | null;
  readonly meta: string | null;
  readonly path: readonly string[];
}

interface RunProof {
  readonly entries: readonly Entry[];
  readonly tape: {
    readonly entry: Pick<Entry, 'index' | 'leaf' | 'path'>;
    readonly events: readonly string[];
    readonly texts: readonly { readonly data: string; readonly meta: string }[];
  } | null;
  readonly checkpoint: string;
}

let chat: Chat;
let auditor: string;
let conversation: string;
let turn: Turn;
beforeAll(async () => {
  chat = await startChat();
  auditor = (await chat.newKey('auditor')).key;
  conversation = await chat.started();
  turn = await chat.done(conversation, { content: 'Hello' });
  await until(async () => (await get(`/api/v1/runs/${turn.generationId}/proof`)).status === 200);
});
afterAll(() => chat.close());

const get = (url: string, key = auditor, headers = {}) => chat.call('GET', url, { key, headers });
const read = async <T>(url: string, key?: string) => (await get(url, key)).json as T;

/** The verified tree of the last checkpoint. */
async function signed(key = auditor): Promise<SignedTree> {
  const { text } = await get(`${RECORD}/checkpoint`, key);
  const { vkey } = await read<{ vkey: string }>(`${RECORD}/key`, key);
  const tree = openNote(text, vkey);
  if (!tree) throw new Error(`not signed: ${text}`);
  return tree;
}

async function binary(path: string, key = auditor): Promise<Buffer> {
  const { rawPayload, statusCode } = await chat.app.inject({
    method: 'GET',
    url: `${RECORD}/tile/${path}`,
    headers: { authorization: `Bearer ${key}` },
  });
  expect([path, statusCode]).toEqual([path, 200]);
  return rawPayload;
}

const partOf = (size: number) => (size % 256 === 0 ? '' : `.p/${size % 256}`);

/** The entries of the signed tree, from the bundles that clients of C2SP read. */
async function bundled(size: number, key?: string): Promise<string[]> {
  expect(size).toBeLessThan(256);
  const bytes = await binary(`entries/000${partOf(size)}`, key);
  const entries: string[] = [];
  for (let at = 0; at < bytes.length; at += 2 + bytes.readUInt16BE(at)) {
    entries.push(bytes.subarray(at + 2, at + 2 + bytes.readUInt16BE(at)).toString('utf8'));
  }
  return entries;
}

describe('the record over HTTP', () => {
  it('has a checkpoint that its key verifies, and tiles and bundles that lead to its root', async () => {
    const tree = await signed();
    const entries = await bundled(tree.size);
    expect(entries).toHaveLength(tree.size);
    expect(rootOf(entries.map(leafHash))).toEqual(tree.root);
    expect(await binary(`0/000${partOf(tree.size)}`)).toEqual(Buffer.concat(entries.map(leafHash)));
    expect(await binary('0/000.p/3')).toEqual(Buffer.concat(entries.slice(0, 3).map(leafHash)));
    expect(await bundled(2)).toEqual(entries.slice(0, 2));
    for (const entry of entries) expect(canonicalJson(JSON.parse(entry))).toBe(entry);
    const { origin, vkey, earlier, witnesses } = await read<Record<string, unknown>>(`${RECORD}/key`);
    expect([String(vkey).split('+')[0], earlier, witnesses]).toEqual([origin, [], []]);
    expect((await get(`${RECORD}/checkpoint`)).text.split('\n')[0]).toBe(origin);
  });

  it('says how its answers may be kept', async () => {
    const tile = await get(`${RECORD}/tile/0/000.p/1`);
    expect(tile.headers).toMatchObject({
      'cache-control': 'private, no-cache',
      'content-type': 'application/octet-stream',
    });
    expect((await get(`${RECORD}/checkpoint`)).headers['content-type']).toBe('text/plain; charset=utf-8');
  });

  it('has an entry for each event of the ledger, with the body that it commits to', async () => {
    const events = await wholeStream(chat.engines.log, `conversation-${conversation}`);
    for (const { id, stream, revision, data, meta } of events) {
      const { index } = await read<{ index: number }>(`${RECORD}/find?stream=${stream}&revision=${revision}`);
      expect(await read(`${RECORD}/find?event=${id}`)).toEqual({ index });
      const entry = await read<Entry & { hash: string }>(`${RECORD}/entries/${index}`);
      const leaf = JSON.parse(entry.leaf);
      expect(leaf).toMatchObject({ id, stream, rev: revision, chain: stream, kind: 'event' });
      expect(entry).toMatchObject({ index, data, meta, body: rawBody(entry) });
      expect(leaf.body).toBe(base64(sha256(entry.body as string)));
      expect(entry.hash).toBe(base64(leafHash(entry.leaf)));
    }
  });

  it('has one entry for a tape, which every revision of the tape leads to', async () => {
    const stream = `generation-${turn.generationId}`;
    const events = await wholeStream(chat.engines.log, stream);
    const places = await Promise.all(
      events.map(({ revision }) => read<{ index: number }>(`${RECORD}/find?stream=${stream}&revision=${revision}`)),
    );
    expect(new Set(places.map(({ index }) => index)).size).toBe(1);
    const entry = await read<Entry>(`${RECORD}/entries/${places[0]?.index}`);
    expect([entry.body, entry.data, entry.meta]).toEqual([null, null, null]);
    expect(JSON.parse(entry.leaf)).toMatchObject({ kind: 'tape', events: events.length, id: events.at(-1)?.id });
    expectProblem(await get(`${RECORD}/find?stream=${stream}&revision=${events.length}`), 404, 'not_found');
  });

  it('proves an entry in the last signed tree and in an earlier one', async () => {
    const tree = await signed();
    const entries = await bundled(tree.size);
    for (const size of [tree.size, 3]) {
      const proof = await read<{ path: string[]; checkpoint?: string }>(`${RECORD}/proof/1?size=${size}`);
      const root = rootFromInclusion(1, size, leafHash(entries[1] as string), proof.path.map(hash));
      expect(root).toEqual(rootOf(entries.slice(0, size).map(leafHash)));
      expect(proof.checkpoint).toBe(size === tree.size ? (await get(`${RECORD}/checkpoint`)).text : undefined);
    }
  });

  it('proves an entry as a text of C2SP', async () => {
    const { headers, text } = await get(`${RECORD}/proof/1`, auditor, { accept: 'text/plain' });
    const [title, index, ...rest] = text.split('\n');
    const { path } = await read<{ path: string[] }>(`${RECORD}/proof/1`);
    expect([headers['content-type'], title, index]).toEqual([
      'text/plain; charset=utf-8',
      'c2sp.org/tlog-proof@v1',
      'index 1',
    ]);
    expect(rest.slice(0, path.length)).toEqual(path);
    expect(rest.slice(path.length).join('\n')).toBe(`\n${(await get(`${RECORD}/checkpoint`)).text}`);
    for (const [accept, type] of [
      ['application/json, text/plain, */*', 'application/json'],
      ['application/json;q=0.1, text/plain', 'application/json'],
      ['text/plain;q=0, */*', 'application/json'],
      ['*/*', 'application/json'],
      ['Text/Plain; q=0.5, */*', 'text/plain'],
      ['text/plain, application/json; q=0.0', 'text/plain'],
    ] as const) {
      const { headers } = await get(`${RECORD}/proof/1`, auditor, { accept });
      expect([accept, headers['content-type'], headers.vary]).toEqual([
        accept,
        expect.stringContaining(type),
        expect.stringContaining('Accept'),
      ]);
    }
    expectProblem(await get(`${RECORD}/proof/1?size=2`, auditor, { accept: 'text/plain' }), 422, 'value_refused');
  });

  it('proves that a tree continues an earlier one', async () => {
    const tree = await signed();
    const entries = await bundled(tree.size);
    const treeOf = (size: number) => ({ size, root: rootOf(entries.slice(0, size).map(leafHash)) });
    for (const [from, to] of [
      [1, tree.size],
      [3, 5],
      [4, 4],
    ] as const) {
      const proof = await read<{ path: string[] }>(`${RECORD}/consistency?from=${from}&to=${to}`);
      expect(proof).toMatchObject({ from, to });
      expect(isConsistent(treeOf(from), treeOf(to), proof.path.map(hash))).toBe(true);
    }
    expect(await read(`${RECORD}/consistency?from=3`)).toMatchObject({ from: 3, to: tree.size });
  });

  it('proves a run: the message, the request, the prompt, the tape and the end', async () => {
    const proof = await read<RunProof>(`/api/v1/runs/${turn.generationId}/proof`);
    const { vkey } = await read<{ vkey: string }>(`${RECORD}/key`);
    const tree = openNote(proof.checkpoint, vkey) as SignedTree;
    const { tape } = proof;
    if (!tape) throw new Error('the run has a tape');
    for (const { index, leaf, path } of [...proof.entries, tape.entry]) {
      expect(rootFromInclusion(index, tree.size, leafHash(leaf), path.map(hash))).toEqual(tree.root);
    }
    expect(proof.entries.map(({ leaf }) => JSON.parse(leaf).type)).toEqual([
      'MessageSent',
      'GenerationRequested',
      'PromptAssembled',
      'GenerationFinalized',
    ]);
    for (const entry of proof.entries) {
      expect(entry.body).toBe(rawBody(entry));
      expect(JSON.parse(entry.leaf).body).toBe(base64(sha256(entry.body as string)));
    }
    const sealed = JSON.parse(tape.entry.leaf);
    expect(sealed).toMatchObject({
      kind: 'tape',
      events: tape.events.length,
      root: base64(rootOf(tape.events.map(leafHash))),
    });
    expect(tape.events.map((leaf) => JSON.parse(leaf).type)).toEqual(
      await chat.types(`generation-${turn.generationId}`),
    );
    expect(tape.texts.map((texts) => JSON.parse(rawBody(texts)).raw)).toEqual(
      tape.events.map((leaf) => JSON.parse(leaf).raw),
    );
    expect(Object.keys(tape.entry).sort()).toEqual(['index', 'leaf', 'path']);
  });

  it('goes on with later turns, and its trees continue each other', async () => {
    const before = await signed();
    const { generationId } = await chat.done(conversation, { content: 'Again' });
    await until(async () => (await get(`/api/v1/runs/${generationId}/proof`)).status === 200);
    const after = await signed();
    const { path } = await read<{ path: string[] }>(`${RECORD}/consistency?from=${before.size}&to=${after.size}`);
    expect(after.size).toBeGreaterThan(before.size);
    expect(isConsistent(before, after, path.map(hash))).toBe(true);
  });

  it('proves a run that was cancelled before an attempt, without a tape', async () => {
    const other = await chat.started();
    const { generationId: open } = await chat.sent(other, { content: 'hold on' });
    await chat.firstWord(open);
    const { generationId: queued } = await chat.sent(other, { content: 'wait', whenBusy: 'enqueue' });
    expectProblem(await get(`/api/v1/runs/${open}/proof`), 409, 'not_recorded_yet');
    await chat.post(`${other}/generations/${queued}/cancel`);
    await until(async () => (await get(`/api/v1/runs/${queued}/proof`)).status === 200);
    const proof = await read<RunProof>(`/api/v1/runs/${queued}/proof`);
    expect(proof.tape).toBeNull();
    expect(proof.entries.map(({ leaf }) => JSON.parse(leaf).type)).toContain('GenerationFinalized');
    await chat.post(`${other}/generations/${open}/cancel`);
    await chat.ended(other, open);
  });
});

describe('the record of another tenant', () => {
  it('is another one, on every route', async () => {
    const { json } = await chat.call('POST', '/api/v1/tenants', { body: { name: 'acme' } });
    const { id, key } = json as { id: string; key: string };
    await until(async () => (await get(`${RECORD}/checkpoint`, key)).status === 200);
    const tree = await signed(key);
    const entries = await bundled(tree.size, key);
    expect(new Set(entries.map((entry) => JSON.parse(entry).tenant))).toEqual(new Set([id]));
    expect(rootOf(entries.map(leafHash))).toEqual(tree.root);
    const mine = await signed();
    expect(tree.size).toBeLessThan(mine.size);
    const [event] = await wholeStream(chat.engines.log, `conversation-${conversation}`);
    const { id: eventId, stream } = event as RecordedEvent;
    const strange = [
      `/find?stream=${stream}&revision=0`,
      `/find?event=${eventId}`,
      `/entries/${tree.size}`,
      `/proof/${tree.size}`,
      `/tile/0/000.p/${tree.size + 1}`,
      `/tile/entries/000.p/${tree.size + 1}`,
    ];
    for (const path of strange) {
      expect((await get(`${RECORD}${path}`)).status).toBe(200);
      expectProblem(await get(`${RECORD}${path}`, key), 404, 'not_found');
    }
    expectProblem(await get(`${RECORD}/proof/0?size=${mine.size}`, key), 409, 'not_recorded_yet');
    expectProblem(await get(`${RECORD}/consistency?from=1&to=${mine.size}`, key), 409, 'not_recorded_yet');
    const run = await get(`/api/v1/runs/${turn.generationId}/proof`, key);
    expectProblem(run, 404, 'generation_not_found');
    expect((await get(`${RECORD}/entries/0`, key)).text).not.toContain(conversation);
  });
});

describe('a question about the record', () => {
  it('is for auditors and administrators, and the checkpoint for every role', async () => {
    const { key } = await chat.newKey('member');
    const routes = [
      '/key',
      '/tile/0/000.p/1',
      '/tile/entries/000.p/1',
      '/entries/0',
      '/find?stream=tenant-default&revision=0',
    ];
    const urls = [...routes, '/proof/0', '/consistency?from=1'].map((path) => `${RECORD}${path}`);
    for (const url of [...urls, `/api/v1/runs/${turn.generationId}/proof`]) {
      expectProblem(await get(url, key), 403, 'forbidden');
      expect([url, (await get(url)).status]).toEqual([url, 200]);
      expect([url, (await get(url, chat.adminKey)).status]).toEqual([url, 200]);
    }
    expect((await get(`${RECORD}/checkpoint`, key)).status).toBe(200);
  });

  it.each([
    '/find',
    '/find?stream=tenant-default',
    '/find?revision=0',
    `/find?event=${randomUUID()}&stream=tenant-default`,
  ])('%s names neither an event nor its place', async (path) => {
    expectProblem(await get(`${RECORD}${path}`), 422, 'value_refused');
  });

  it.each([
    '/find?stream=a%20b&revision=0',
    '/find?stream=tenant-default&revision=-1',
    '/find?event=x',
    '/proof/0?size=0',
    '/proof/0?size=1e3',
    '/proof/0?size=1000000000000000',
    '/consistency',
    '/consistency?from=0',
    '/consistency?from=1&to=x',
    '/entries/0?size=1',
  ])('%s is malformed', async (path) => {
    expectProblem(await get(`${RECORD}${path}`), 400, 'invalid_request');
  });

  it.each([
    '/entries/99999999',
    '/entries/-1',
    '/entries/01',
    '/entries/x',
    '/proof/99999999',
    '/proof/5?size=5',
    '/proof/1.5',
    '/tile/0/000',
    '/tile/0/001.p/1',
    '/tile/1/000.p/1',
    '/tile/0/0',
    '/tile/64/000.p/1',
    '/tile/entries/001.p/1',
    '/tile/entries/0',
    '/tile/',
    '/tile/0/%2e/checkpoint',
    '/consistency?from=5&to=4',
    `/find?event=${randomUUID()}`,
    '/find?stream=tenant-nothing&revision=0',
  ])('%s is not found', async (path) => {
    expectProblem(await get(`${RECORD}${path}`), 404, 'not_found');
  });

  it('is answered as not recorded yet before the first note, and beyond the signed tree', async () => {
    expectProblem(await get(`${RECORD}/proof/0?size=99999999`), 409, 'not_recorded_yet');
    expectProblem(await get(`${RECORD}/consistency?from=1&to=99999999`), 409, 'not_recorded_yet');
    jest.spyOn(chat.engines.record, 'lastNote').mockResolvedValue(undefined);
    const paths = ['/checkpoint', '/key', '/tile/0/000.p/1', '/entries/0', '/proof/0', '/consistency?from=1'];
    for (const path of [...paths, '/find?stream=tenant-default&revision=0']) {
      const answer = await get(`${RECORD}${path}`);
      expectProblem(answer, 409, 'not_recorded_yet');
      expect(answer.headers['retry-after']).toBe('1');
    }
    jest.restoreAllMocks();
  });

  it('is answered 503 while the tree is built again', async () => {
    jest.spyOn(chat.engines.record, 'tile').mockResolvedValue([]);
    jest.spyOn(chat.engines.record, 'entries').mockResolvedValue([]);
    for (const path of ['/tile/0/000.p/1', '/tile/entries/000.p/1', '/entries/0', '/proof/0', '/consistency?from=1']) {
      expectProblem(await get(`${RECORD}${path}`), 503, 'unavailable');
    }
    jest.restoreAllMocks();
  });
});
