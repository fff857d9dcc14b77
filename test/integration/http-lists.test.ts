import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Lease } from '../../src/ports/leases.js';
import { projections } from '../../src/projections/all.js';
import { ledgersTable, runsTable } from '../../src/projections/runs/rows.js';
import { ChatLog } from '../support/chat-log.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { memoryEngines } from '../support/memory-engines.js';
import { SseClient } from '../support/sse-client.js';
import { until } from '../support/until.js';

// biome-ignore lint/suspicious/noExplicitAny: whatever the server says, for the test to judge
type Json = any;

describe('lists over HTTP', () => {
  let app: HttpApp;
  let member: string;
  const ids: string[] = [];
  beforeAll(async () => {
    app = await startHttpApp(memoryEngines(), { VERBATIM_ROLES: 'api,projections' });
    member = (await app.newKey('member')).key;
    for (let nth = 0; nth < 5; nth++) {
      const chat = new ChatLog(app.engines.log, undefined, { tenant: 'default', owner: 'a member' });
      await chat.started(`chat ${nth}`);
      for (let more = 0; more <= nth; more++) await chat.turn(`${nth}${more}`, [`answer ${nth}`]);
      ids.unshift(chat.id);
    }
    const others = new ChatLog(app.engines.log, undefined, { tenant: 'default', owner: 'somebody else' });
    await (await others.started('not yours')).turn('9', ['secret']);
    const { views } = app.engines;
    const rowsMax = 200;
    const scope = { tenant: 'default' };
    await until(async () => {
      const conversations = await views.conversations.list({ scope, archived: false, rowsMax });
      const usage = await views.usage.sums({ scope, by: 'user' });
      const runs = await views.runs.list({ scope, status: 'final', rowsMax });
      return conversations.length === 6 && runs.length === 16 && usage.reduce((sum, { runs: n }) => sum + n, 0) === 16;
    });
  });
  afterAll(() => app.close());

  const get = async (path: string, key = member): Promise<{ status: number; json: Json }> =>
    app.call('GET', `/api/v1/${path}`, { key });

  it('shows conversations newest first, with all that the contract names', async () => {
    const { status, json } = await get('conversations');
    expect(status).toBe(200);
    expect(json.items.map(({ id }: Json) => id)).toEqual(ids);
    expect(json.next).toBeNull();
    expect(json.items[0]).toEqual({
      id: ids[0],
      title: 'chat 4',
      lastMessage: 'answer 4',
      updatedAt: expect.stringMatching(/^2026-01-01T/),
      status: 'idle',
      model: 'demo-small',
      messages: 10,
    });
  });

  it.each(['conversations', 'runs'])('pages through %s by its tokens, every item once', async (path) => {
    const whole = (await get(`${path}?limit=200`)).json.items;
    const paged: Json[] = [];
    let next: string | null = '';
    while (next !== null) {
      const { status, json } = await get(`${path}?limit=2${next && `&before=${next}`}`);
      expect(status).toBe(200);
      expect(json.items.length).toBeLessThanOrEqual(2);
      paged.push(...json.items);
      next = json.next;
    }
    expect(paged).toEqual(whole);
    expect(whole.length).toBeGreaterThan(2);
  });

  it.each(['conversations', 'runs'])('refuses tokens of %s that were made up or changed', async (path) => {
    const { next } = (await get(`${path}?limit=1`)).json;
    const changed = `${next.slice(0, -2)}${next.endsWith('AA') ? 'BB' : 'AA'}`;
    for (const token of ['x', 'eyJ9', changed, `${next}A`, next.slice(1), '%00', '..']) {
      const { status, json } = await get(`${path}?before=${token}`);
      expect([token, status, json.code]).toEqual([token, 400, 'page_token_invalid']);
    }
  });

  it.each(['conversations', 'runs'])(
    'refuses tokens of %s that have a valid checksum and an impossible end of a page',
    async (path) => {
      const at = '2026-01-01T00:00:00.000Z';
      for (const end of [
        ...[
          [],
          {},
          null,
          1,
          'x',
          [at],
          [at, 'x', 'y'],
          [at, null],
          [at, 1],
          [at, ''],
          [at, {}],
          [at, ['x']],
          [null, 'x'],
        ],
        ...[
          [1, 'x'],
          ['', 'x'],
          ['x', 'x'],
          [{}, 'x'],
          [at, '\0'],
          [at, 'x'.repeat(201)],
          [at, "'"],
          [`${at}\0`, 'x'],
        ],
        ...[
          ['2026-02-30T00:00:00.000Z', 'x'],
          ['2026-01-01', 'x'],
          ['+275760-09-13T00:00:00.000Z', 'x'],
        ],
      ]) {
        const text = JSON.stringify(end);
        const sum = createHash('sha256').update(text).digest().subarray(0, 6);
        const token = Buffer.concat([sum, Buffer.from(text)]).toString('base64url');
        const { status, json } = await get(`${path}?before=${token}`);
        expect([text, status, json.code]).toEqual([text, 400, 'page_token_invalid']);
      }
      const notJson = Buffer.concat([createHash('sha256').update('{').digest().subarray(0, 6), Buffer.from('{')]);
      expect(await get(`${path}?before=${notJson.toString('base64url')}`)).toMatchObject({ status: 400 });
    },
  );

  it.each([
    ['conversations?limit=0', 400, 'invalid_request'],
    ['conversations?limit=-1', 400, 'invalid_request'],
    ['conversations?limit=1e3', 400, 'invalid_request'],
    ['conversations?limit=99999999999999999999', 400, 'invalid_request'],
    ['conversations?limit=201', 422, 'value_refused'],
    ['conversations?archived=maybe', 400, 'invalid_request'],
    ['conversations?colour=red', 400, 'invalid_request'],
    ['conversations?q=a%00b', 422, 'value_refused'],
    [`conversations?q=${'x'.repeat(1001)}`, 422, 'value_refused'],
    ['runs?status=asleep', 400, 'invalid_request'],
    ['runs?from=yesterday', 400, 'invalid_request'],
    ['runs?to=2026-02-30T99:00:00Z', 400, 'invalid_request'],
    ['runs?from=2026-02-30', 400, 'invalid_request'],
    ['runs?to=2026-02-30T10:00:00Z', 400, 'invalid_request'],
    ['runs?to=2025-02-29', 400, 'invalid_request'],
    ['runs?to=2026-04-31', 400, 'invalid_request'],
    ['runs?to=2026-01-01T24:00Z', 400, 'invalid_request'],
    ['runs?to=2026-01-01T10:00:60Z', 400, 'invalid_request'],
    ['runs?to=9999-12-31T23:59-23:59', 400, 'invalid_request'],
    ['runs?to=0000-01-01T00:00%2B23:59', 400, 'invalid_request'],
    ['usage?to=2026-02-30', 400, 'invalid_request'],
    ['usage?from=2026-01-01T00:00Z', 400, 'invalid_request'],
    ['runs?limit=200000', 422, 'value_refused'],
    ['usage?by=colour', 400, 'invalid_request'],
    ['usage?from=2026-13-01', 400, 'invalid_request'],
  ])('refuses %s', async (path, status, code) => {
    const answer = await get(path);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
  });

  it.each([
    'conversations?q=%26%7C%21()%3C%3E%3A*%20%22%27',
    'runs?q=%22%22%22',
    'runs?model=none',
    'runs?user=nobody',
    'usage?from=2030-01-01',
    'runs?from=2028-02-29&to=2028-03-01T23:59:59.999999999%2B05:30',
    'runs?to=0001-01-01',
  ])('finds nothing with %s, which is an answer', async (path) => {
    const { status, json } = await get(path);
    expect([status, json.items]).toEqual([200, []]);
  });

  it('finds by words, in what the reader may see', async () => {
    expect((await get('conversations?q=answer%203')).json.items.map(({ title }: Json) => title)).toEqual(['chat 3']);
    expect((await get('conversations?q=secret')).json.items).toEqual([]);
    expect((await get('conversations?q=secret', app.adminKey)).json.items).toHaveLength(1);
    expect((await get('runs?q=answer%203')).json.items).toHaveLength(4);
  });

  it('shows a run in the list as its own route does, but for what only its tape records', async () => {
    const [first] = (await get('runs?limit=1')).json.items;
    const { events: _, responseId, requestId, ...alone } = (await get(`runs/${first.id}`)).json;
    expect([responseId, requestId]).toEqual([null, null]);
    const { requestedAt, ...listed } = first;
    expect(requestedAt).toMatch(/^2026-01-01T/);
    expect(listed).toEqual(alone);
  });

  it('filters runs by conversation, status and time', async () => {
    const items = async (path: string) => (await get(path)).json.items;
    expect(await items(`runs?conversation=${ids[0]}`)).toHaveLength(5);
    expect(await items('runs?status=final&limit=200')).toHaveLength(15);
    expect(await items('runs?status=error')).toEqual([]);
    expect(await items('runs?from=2026-01-01&to=2026-01-02&limit=200')).toHaveLength(15);
    expect(await items('runs?from=2026-01-02')).toEqual([]);
  });

  it('sums usage for who may see it', async () => {
    const sum = { runs: 15, unknownUsage: 0, promptTokens: 45, completionTokens: 30, totalTokens: 75, unknownCost: 0 };
    const cost = { amount: '0.015', currency: 'USD' };
    expect((await get('usage')).json.items).toEqual([{ day: '2026-01-01', ...sum, cost }]);
    expect((await get('usage?by=model')).json.items).toEqual([{ model: 'demo-small', ...sum, cost }]);
    const users = (await get('usage?by=user', app.adminKey)).json.items;
    expect(users.map(({ user, runs }: Json) => [user, runs])).toEqual([
      ['a member', 15],
      ['somebody else', 1],
    ]);
  });
});

describe('projections over HTTP', () => {
  let app: HttpApp;
  beforeAll(async () => {
    app = await startHttpApp(memoryEngines(), { VERBATIM_ROLES: 'api,projections' });
  });
  afterAll(() => app.close());

  const standing = async (): Promise<Json[]> => (await app.call('GET', '/api/v1/projections')).json as Json;

  const named = (wanted: string, { items }: Json): Json => items.find(({ name }: Json) => name === wanted);

  it('shows the progress of each', async () => {
    const chat = new ChatLog(app.engines.log);
    await (await chat.started()).turn('1', ['x']);
    await until(async () => ((await standing()) as Json).items.every(({ lag }: Json) => lag.distance === 0));
    expect(((await standing()) as Json).items).toMatchObject(
      projections.map(({ name, version }) => ({
        ...{ name, build: 1, version, state: 'following', parked: [], rebuild: null, poison: null },
        lag: { events: 0, distance: 0, seconds: 0, estimated: false },
      })),
    );
  });

  it('rebuilds one, one rebuild at a time, and refuses unknown names', async () => {
    const post = async (path: string, key = app.adminKey) => {
      const { status, json } = await app.call('POST', `/api/v1/projections/${path}`, { key });
      return [status, (json as Json)?.code];
    };
    const asked = await Promise.all([post('messages/rebuild'), post('messages/rebuild')]);
    expect(asked).toEqual(expect.arrayContaining([[202, undefined]]));
    await until(async () => named('messages', (await standing()) as Json).build >= 2);
    expect(await post('nothing/rebuild')).toEqual([404, 'projection_not_found']);
    expect(await post('__proto__/rebuild')).toEqual([404, 'projection_not_found']);
    expect(await post('messages/parked/conversation-1/replay')).toEqual([404, 'not_found']);
    expect(await post('nothing/parked/conversation-1/replay')).toEqual([404, 'projection_not_found']);
    const { key: member } = await app.newKey('member');
    expect(await post('messages/rebuild', member)).toEqual([403, 'forbidden']);
    const acme = (await app.call('POST', '/api/v1/tenants', { body: { name: 'acme' } })).json as Json;
    expect(await post('messages/rebuild', acme.key)).toEqual([403, 'forbidden']);
    expect((await app.call('GET', '/api/v1/projections', { key: acme.key })).status).toBe(403);
  });

  it('refuses a second rebuild while one runs', async () => {
    const idle = await startHttpApp(memoryEngines(), { VERBATIM_ROLES: 'api' });
    const post = async () => (await idle.call('POST', '/api/v1/projections/runs/rebuild')).json as Json;
    expect(await post()).toBeUndefined();
    expect(await post()).toMatchObject({ status: 409, code: 'rebuild_running' });
    const standing = (await idle.call('GET', '/api/v1/projections')).json as Json;
    expect(named('runs', standing)).toMatchObject({ build: 1, rebuild: { build: 2, state: 'following' } });
    await idle.close();
  });

  it('refuses a rebuild of an older version as long as a process runs the newer one, and then takes it back', async () => {
    const engines = memoryEngines();
    await engines.builds.prepare([{ name: 'runs', version: 99, tables: [runsTable, ledgersTable] }]);
    const lease = await engines.leases.acquire('projection runs (build 1)', 'of the newer version', 60_000);
    const older = await startHttpApp(engines, { VERBATIM_ROLES: 'api' });
    const post = async () => (await older.call('POST', '/api/v1/projections/runs/rebuild')).json as Json;
    expect(await post()).toMatchObject({ status: 409, code: 'newer_version_running' });
    await engines.leases.release(lease as Lease);
    expect(await post()).toBeUndefined();
    expect(await post()).toMatchObject({ status: 409, code: 'rebuild_running' });
    await older.close();
  });
});

describe('the feed of runs', () => {
  it('delivers starts and ends that the reader may see, live and from any position, each once', async () => {
    const app = await startHttpApp(memoryEngines(), { VERBATIM_ROLES: 'api' });
    const { key } = await app.newKey('member');
    await app.app.listen(0, '127.0.0.1');
    const address = `${await app.app.getUrl()}/api/v1/runs/events`;
    const open = (headers: Record<string, string> = {}, by = key) =>
      SseClient.open(address, { authorization: `Bearer ${by}`, ...headers });
    const told = ({ events }: SseClient) => events.map(({ event, data }) => `${event} ${data.id}`);

    const live = await open();
    const all = await open({}, app.adminKey);
    const chat = new ChatLog(app.engines.log, undefined, { tenant: 'default', owner: 'a member' });
    await (await chat.started()).turn('1', ['a', 'b']);
    const others = new ChatLog(app.engines.log, undefined, { tenant: 'default', owner: 'somebody' });
    await (await others.started()).turn('2', ['c']);
    const foreign = new ChatLog(app.engines.log, undefined, { tenant: 'acme', owner: 'a member' });
    await (await foreign.started()).turn('3', ['d']);
    await chat.requested('g4', 'm1', 'g1');
    await until(() => live.events.length === 3 && all.events.length === 5);
    expect(told(live)).toEqual(['run-started g1', 'run-ended g1', 'run-started g4']);
    expect(told(all)).toEqual(['run-started g1', 'run-ended g1', 'run-started g2', 'run-ended g2', 'run-started g4']);
    expect(live.events[1]?.data).toMatchObject({ conversation: chat.id, status: 'final', usage: { promptTokens: 3 } });
    expect(live.events[2]?.data).toMatchObject({ message: 'm1', regenerates: 'g1', status: 'queued' });
    expect(JSON.stringify(live.events)).not.toContain('"ab"');

    for (const [nth, { id }] of all.events.entries()) {
      const resumed = await open({ 'last-event-id': String(id) }, app.adminKey);
      await until(() => resumed.events.length === 4 - nth);
      expect(resumed.events).toEqual(all.events.slice(nth + 1));
      resumed.leave();
    }
    const vanished = String(live.events[0]?.id).replace(/[0-9a-f]{12}$/, '0'.repeat(12));
    for (const [after, status, code] of [
      ['x', 400, 'cursor_invalid'],
      ['', 400, 'cursor_invalid'],
      ['0-1', 400, 'cursor_invalid'],
      ['1:1', 400, 'cursor_invalid'],
      ['1/1', 400, 'cursor_invalid'],
      ['9'.repeat(21), 400, 'cursor_invalid'],
      [vanished, 400, 'cursor_invalid'],
      ['9999999999999999999', 422, 'cursor_beyond_end'],
    ] as const) {
      const { status: answered, json } = await app.call('GET', `/api/v1/runs/events?after=${after}`);
      expect([answered, (json as Json).code]).toEqual([status, code]);
    }
    live.leave();
    all.leave();
    await app.close();
  });
});

describe('a view whose lane has stopped', () => {
  it('leaves a conversation readable: it is folded from the log', async () => {
    const app = await startHttpApp(memoryEngines(), { VERBATIM_ROLES: 'api' });
    const { id, cursor } = (await app.call('POST', '/api/v1/conversations', { body: { title: 'new' } })).json as Json;
    const then = await app.call('GET', `/api/v1/conversations/${id}?at=${cursor}`);
    expect(then).toMatchObject({ status: 200, json: { title: 'new', cursor } });
    expect((await app.call('GET', `/api/v1/conversations/${id}?min=${cursor}`)).json).toEqual(then.json);
    expect((await app.call('GET', `/api/v1/conversations/${id}`)).json).toEqual(then.json);
    expect(((await app.call('GET', `/api/v1/conversations/${id}?min=9:0`)).json as Json).code).toBe(
      'cursor_beyond_end',
    );
    await app.close();
  });

  it('is not shown to a reader of a conversation if it is older than the last change', async () => {
    const engines = memoryEngines();
    const whole = await startHttpApp(engines);
    const { id } = (await whole.call('POST', '/api/v1/conversations', { body: { title: 'old' } })).json as Json;
    await until(async () => (await engines.views.messages.head(String(id)))?.title === 'old');
    await whole.close();

    const alone = await startHttpApp(engines, { VERBATIM_ROLES: 'api' });
    const ask = (method: 'GET' | 'PATCH', query: string, body?: object) =>
      alone.call(method, `/api/v1/conversations/${id}${query}`, { key: whole.adminKey, ...(body && { body }) });
    const changed = (await ask('PATCH', '', { title: 'new' })).json as Json;
    expect((await engines.views.messages.head(String(id)))?.title).toBe('old');
    expect((await ask('GET', `?min=${changed.cursor}`)).json).toMatchObject({ title: 'new', cursor: changed.cursor });
    expect((await ask('GET', '')).json).toMatchObject({ title: 'new' });
    await alone.close();
  });
});
