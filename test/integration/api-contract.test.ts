import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Readiness } from '../../src/http/readiness.js';
import { limits } from '../../src/limits.js';
import { LogUnavailable, RetryableError } from '../../src/ports/errors.js';
import { MasterKeyMissing } from '../../src/ports/value-keys.js';
import { OpenStreams } from '../../src/sse/open-streams.js';
import { ApiContract, type ApiDocument } from '../support/api-contract.js';
import { type Chat, HOLD, startChat, type Turn } from '../support/chat.js';
import type { Answer, CallOptions } from '../support/http-app.js';
import { newEvent, someMetadata } from '../support/new-events.js';
import { SseClient } from '../support/sse-client.js';
import { takeCensus } from '../support/taken-census.js';
import { until } from '../support/until.js';

/*
 * Every route of the document is called, and every answer is held against what the document says of it. A new route fails
 * the last test until it is called with success here; most of what may be refused is then tried by itself.
 */

const API = '/api/v1';
const CONVERSATION = `${API}/conversations/{id}`;
const MESSAGE = `${CONVERSATION}/messages/{messageId}`;
const GENERATION = `${CONVERSATION}/generations/{generationId}`;

/** For each route that takes a body: one whose form is right. */
const BODIES: Readonly<Record<string, object>> = {
  [`POST ${API}/keys`]: { user: 'u', role: 'member', name: 'k' },
  [`POST ${API}/tenants`]: { name: 't' },
  [`POST ${API}/conversations`]: {},
  [`PATCH ${CONVERSATION}`]: { title: 'x' },
  [`PUT ${CONVERSATION}/branch`]: { leaf: 'nobody' },
  [`POST ${CONVERSATION}/preview`]: { content: 'x' },
  [`POST ${CONVERSATION}/messages`]: { content: 'x' },
  [`POST ${MESSAGE}/edit`]: { content: 'x' },
  [`POST ${MESSAGE}/generate`]: {},
  [`POST ${GENERATION}/regenerate`]: {},
  [`POST ${GENERATION}/cancel`]: {},
};

/** The routes that ask a model. */
const ASKING = [`${CONVERSATION}/messages`, `${MESSAGE}/edit`, `${MESSAGE}/generate`, `${GENERATION}/regenerate`];

/** The routes that never end. */
const FEEDS = [`${CONVERSATION}/events`, `${API}/runs/events`];

/** They look into the log only for a cursor that they must cover. */
const LISTS = [`GET ${API}/conversations`, `GET ${API}/runs`];

/** What a member may not read. */
const ADMINISTERED = [
  `GET ${API}/access`,
  `GET ${API}/keys`,
  `GET ${API}/keys/rotate-master`,
  `GET ${API}/projections`,
  ...['key', 'tile/{path}', 'entries/{index}', 'find', 'proof/{index}', 'consistency', 'census', 'census/proof'].map(
    (path) => `GET ${API}/record/${path}`,
  ),
  `GET ${API}/runs/{generationId}/proof`,
];

/** What a route cannot be called without. */
const QUERIES: Readonly<Record<string, string>> = {
  [`GET ${API}/record/find`]: '?stream=tenant-default&revision=0',
  [`GET ${API}/record/consistency`]: '?from=1',
};

/** A place that does not exist, for routes that name it in their query. */
const NOWHERE: Readonly<Record<string, string>> = {
  ...Object.fromEntries(LISTS.map((list) => [list, '?min=nobody@1:0'])),
  [`GET ${API}/record/find`]: '?stream=tenant-nothing&revision=0',
  [`GET ${API}/record/consistency`]: '?from=999999999',
  [`GET ${API}/record/census/proof`]: '?from=999999999',
};

/** Every role may read the rest. The document allows for more, since it says of all routes alike what any may answer. */
const isNeverRefused = (answer: string) =>
  /^GET .* 403$/.test(answer) && !ADMINISTERED.some((name) => answer === `${name} 403`);

/** Places in any record with one entry. */
const IN_RECORD = { index: '0', path: '0/000.p/1' };

let chat: Chat;
let contract: ApiContract;
let ids: Ids;

beforeAll(async () => {
  chat = await startChat({ VERBATIM_MAX_FEEDS_PER_USER: '1' });
  await chat.app.listen(0, '127.0.0.1');
  contract = new ApiContract((await chat.call('GET', '/openapi.json')).json as ApiDocument);
  ids = await standing();
});
afterAll(() => chat.close());
afterEach(() => {
  jest.restoreAllMocks();
});

type Ids = Readonly<Record<string, string>>;

/** A new conversation with an answered message, or for a route that asks for a first answer with one that has none. */
async function standing(path = ''): Promise<Ids> {
  const id = await chat.started();
  const { messageId, generationId } = await chat.done(id, { content: 'Hi' });
  if (!path.endsWith('/generate')) return { id, messageId, generationId };
  const silent = await chat.sent(id, { content: 'later', generate: false });
  return { id, messageId: silent.messageId, generationId };
}

/** The same, and an answer is open in it. */
async function busy(path: string): Promise<Ids> {
  const names = await standing(path);
  const { generationId } = await chat.sent(names.id ?? '', { content: HOLD });
  await chat.firstWord(generationId);
  return names;
}

async function call(method: string, url: string, options: CallOptions = {}): Promise<Answer> {
  const answer = await chat.call(method as Parameters<Chat['call']>[0], url, options);
  expect(contract.breaches(method, url, answer)).toEqual([]);
  return answer;
}

/** Calls a route with a body of the right form. What is not named here, nobody has. */
async function answered(status: number, name: string, names: Ids = {}, options: CallOptions = {}, query = '') {
  const [method = '', path = ''] = name.split(' ');
  const url = path.replace(/\{(\w+)\}/g, (_, parameter: string) => names[parameter] ?? 'nobody');
  const answer = await call(method, url + query, { body: BODIES[name], ...options });
  expect([name, answer.status, answer.text]).toEqual([name, status, expect.any(String)]);
  return answer;
}

const withStatus = (status: number) => contract.operations.filter(({ responses }) => `${status}` in responses);
const withKey = () => contract.operations.filter(({ path }) => path.startsWith('/api/'));
const withBody = () => contract.operations.filter(({ requestBody }) => requestBody);

describe('what succeeds is answered as it is documented', () => {
  it('outside the API', async () => {
    await answered(503, 'GET /health/ready');
    chat.app.get(Readiness).serve();
    for (const path of ['/health/live', '/health/ready', '/metrics']) await answered(200, `GET ${path}`);
  });

  it('of keys and tenants', async () => {
    await answered(200, `GET ${API}/me`);
    await answered(201, `POST ${API}/tenants`);
    const { json } = await answered(201, `POST ${API}/keys`);
    await answered(204, `DELETE ${API}/keys/{id}`, json as { id: string });
    await answered(200, `GET ${API}/keys`);
  });

  it('of conversations', async () => {
    const body = { title: 't', system: 's', model: 'demo', provider: 'demo', params: { temperature: 0 } };
    const { json } = await answered(201, `POST ${API}/conversations`, {}, { body });
    await answered(200, `GET ${CONVERSATION}`, json as { id: string });
    await answered(200, `PATCH ${CONVERSATION}`, ids);
    await answered(200, `PUT ${CONVERSATION}/branch`, ids, { body: { leaf: ids.messageId } });
    await answered(200, `GET ${CONVERSATION}`, ids);
    await answered(200, `GET ${CONVERSATION}`, ids, {}, '?at=3:0');
    await answered(200, `POST ${CONVERSATION}/preview`, ids);
  });

  it.each(ASKING)('of a turn by %s, and of its run', async (path) => {
    const names = await standing(path);
    const { generationId } = (await answered(202, `POST ${path}`, names)).json as Turn;
    for (const run of ['', '/request', '/deltas']) {
      await chat.ended(names.id ?? '', generationId);
      await answered(200, `GET ${API}/runs/{generationId}${run}`, { generationId });
    }
    await answered(200, `POST ${path}`, await standing(path), { headers: { accept: 'text/event-stream' } });
    await answered(200, `GET ${CONVERSATION}`, names);
  });

  it('of a thing that does not exist yet, or no longer', async () => {
    const names = await busy('');
    const queued = await chat.sent(names.id ?? '', { content: 'wait', whenBusy: 'enqueue' });
    const { tree } = (await answered(200, `GET ${CONVERSATION}`, names)).json as {
      tree: { id: string; status: string }[];
    };
    const { id: open = '' } = tree.find(({ status }) => status === 'streaming') ?? {};
    for (const generationId of [queued.generationId, open]) {
      await answered(200, `GET ${API}/runs/{generationId}`, { generationId });
      await answered(200, `GET ${API}/runs/{generationId}/deltas`, { generationId });
      await answered(202, `POST ${GENERATION}/cancel`, { ...names, generationId });
      await chat.ended(names.id ?? '', generationId);
      await answered(200, `POST ${GENERATION}/cancel`, { ...names, generationId });
      await answered(200, `GET ${API}/runs/{generationId}`, { generationId });
    }
    await answered(404, `GET ${API}/runs/{generationId}/request`, { generationId: queued.generationId });
    await answered(202, `POST ${CONVERSATION}/messages`, names, { body: { content: 'a note', kind: 'note' } });
    await answered(200, `GET ${CONVERSATION}`, names);
  });

  it('of the record', async () => {
    const { generationId } = ids;
    const proof = `/api/v1/runs/${generationId}/proof`;
    await until(async () => (await chat.call('GET', proof)).status === 200);
    await answered(200, `GET ${API}/runs/{generationId}/proof`, ids);
    await takeCensus(chat.engines);
    await until(async () => (await chat.call('GET', `${API}/record/census`)).status === 200);
    for (const path of [
      'checkpoint',
      'key',
      'tile/{path}',
      'entries/{index}',
      'find',
      'proof/{index}',
      'consistency',
      'census',
      'census/proof',
    ]) {
      const name = `GET ${API}/record/${path}`;
      await answered(200, name, IN_RECORD, {}, QUERIES[name]);
    }
    await answered(200, `GET ${API}/record/proof/{index}`, IN_RECORD, { headers: { accept: 'text/plain' } });
    await answered(200, `GET ${API}/record/tile/{path}`, { path: 'entries/000.p/1' });
  });

  it('of lists that are not empty', async () => {
    for (const list of [
      'conversations?q=hi',
      'runs?status=final',
      'usage?by=day',
      'usage?by=user',
      'usage?by=model',
      'access?actor=admin',
    ]) {
      const [path = '', query = ''] = list.split('?');
      const items = async () => {
        const { json } = await answered(200, `GET ${API}/${path}`, {}, {}, `?${query}`);
        return (json as { items: unknown[] }).items;
      };
      await until(async () => (await items()).length > 0);
    }
  });

  it('of the rotation of the master key', async () => {
    await answered(200, `GET ${API}/keys/rotate-master`);
    await answered(202, `POST ${API}/keys/rotate-master`);
    await until(async () => {
      const { json } = await answered(200, `GET ${API}/keys/rotate-master`);
      return (json as { state: string }).state === 'done';
    });
    jest.spyOn(chat.engines.valueKeys.keys, 'next').mockResolvedValue(undefined as never);
    await answered(409, `POST ${API}/keys/rotate-master`);
    jest.spyOn(chat.engines.valueKeys, 'open').mockRejectedValue(new MasterKeyMissing('of a test'));
    await answered(503, `POST ${API}/keys/rotate-master`);
  });

  it('of projections', async () => {
    await answered(200, `GET ${API}/projections`);
    await answered(202, `POST ${API}/projections/{name}/rebuild`, { name: 'usage' });
    await answered(200, `GET ${API}/projections`);
    jest.spyOn(chat.engines.builds, 'replay').mockResolvedValue(true);
    await answered(202, `POST ${API}/projections/{name}/parked/{stream}/replay`, { name: 'usage', stream: 'x-1' });
    await answered(202, `POST ${API}/projections/{name}/parked/replay`, { name: 'usage' });
    jest.spyOn(chat.engines.builds, 'begin').mockResolvedValue(false);
    await answered(409, `POST ${API}/projections/{name}/rebuild`, { name: 'usage' });
  });

  it.each(FEEDS)('of the feed %s, of which a user has so many', async (path) => {
    const url = path.replace('{id}', ids.id ?? '');
    const authorization = `Bearer ${chat.adminKey}`;
    const feed = await SseClient.open(`${await chat.app.getUrl()}${url}`, { authorization });
    const { statusCode: status = 0, headers } = feed.response;
    expect(contract.breaches('GET', url, { status, headers, text: '', json: undefined })).toEqual([]);
    expect([status, headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
    for (const each of FEEDS) await answered(429, `GET ${each}`, ids);
    feed.leave();
    await until(() => chat.app.get(OpenStreams).size === 0);
  });
});

describe('what is refused is answered as it is documented', () => {
  it('without a key, or with one without the right', async () => {
    const { key: auditor } = await chat.newKey('auditor');
    const { key: member } = await chat.newKey('member');
    for (const { name, method } of withKey()) {
      await answered(401, name, ids, { key: null });
      if (method !== 'GET') await answered(403, name, ids, { key: auditor });
    }
    for (const name of ADMINISTERED) await answered(403, name, {}, { key: member }, QUERIES[name]);
  });

  it('in a malformed form', async () => {
    const tooLarge = `${' '.repeat(limits.requestBodyBytesMax)}{}`;
    for (const { name } of withBody()) {
      await answered(400, name, ids, { body: '{' });
      await answered(413, name, ids, { body: tooLarge });
      await answered(415, name, ids, { body: 'x', headers: { 'content-type': 'text/plain' } });
    }
    const others = withStatus(400).filter(({ requestBody }) => !requestBody);
    for (const { name } of others) await answered(400, name, ids, {}, '?unknown=1');
  });

  it('about a thing that does not exist', async () => {
    for (const { name } of withStatus(404)) {
      await answered(404, name, {}, {}, NOWHERE[name]);
    }
  });

  it('by a rule', async () => {
    const tooLong = 'x'.repeat(limits.contentBytesMax + 1);
    await answered(422, `POST ${API}/keys`, {}, { body: { user: ' ', role: 'member', name: 'k' } });
    await answered(422, `POST ${API}/tenants`, {}, { body: { name: ' ' } });
    await answered(422, `POST ${API}/conversations`, {}, { body: { system: tooLong } });
    await answered(422, `PATCH ${CONVERSATION}`, ids, { body: { title: '\0' } });
    await answered(422, `PUT ${CONVERSATION}/branch`, ids);
    await answered(422, `GET ${CONVERSATION}`, ids, {}, '?at=999:0');
    await answered(422, `GET ${CONVERSATION}/events`, ids, {}, '?after=999:0');
    await answered(422, `GET ${API}/runs/events`, ids, {}, '?after=9999999999');
    for (const path of [`${CONVERSATION}/preview`, ...ASKING.slice(0, 2)]) {
      for (const content of [' ', tooLong, '\ud800']) await answered(422, `POST ${path}`, ids, { body: { content } });
    }
    await answered(422, `GET ${API}/conversations`, {}, {}, '?limit=1000000');
    await answered(422, `GET ${API}/runs`, {}, {}, '?limit=1000000');
    await answered(422, `GET ${API}/access`, {}, {}, '?limit=1000000');
    await answered(422, `GET ${API}/record/find`);
    await answered(
      422,
      `GET ${API}/record/census/proof`,
      {},
      {},
      '?owner=a&conversation=3f6c1c52-9d0e-4b7a-8f25-6a1b0c9d7e10',
    );
    const asText = { headers: { accept: 'text/plain' } };
    await answered(422, `GET ${API}/record/proof/{index}`, IN_RECORD, asText, '?size=1');
    await answered(400, `GET ${API}/runs`, {}, {}, '?from=2026-13-45');
    await answered(400, `GET ${API}/usage`, {}, {}, '?from=2026-02-30');
    await answered(400, `GET ${API}/runs`, {}, {}, '?before=made-up');
    await answered(400, `GET ${API}/access`, {}, {}, '?before=made-up');
    await answered(400, `GET ${API}/access`, {}, {}, '?to=2026-13-45');
    const headers = { 'idempotency-key': 'k' };
    await answered(200, `POST ${GENERATION}/cancel`, ids, { headers });
    await answered(202, `POST ${CONVERSATION}/messages`, await standing(), { headers });
    await answered(422, `POST ${GENERATION}/cancel`, ids, { headers });
  });

  it('while nothing is signed', async () => {
    jest.spyOn(chat.engines.record, 'lastNote').mockResolvedValue(undefined);
    const names = { ...ids, ...IN_RECORD };
    const unsigned = withStatus(409).filter(({ responses }) =>
      JSON.stringify(responses[409]).includes('not_recorded_yet'),
    );
    expect(unsigned).toHaveLength(10);
    for (const { name } of unsigned) await answered(409, name, names, {}, QUERIES[name]);
  });

  it('when a prompt would leave out what a newer release recorded', async () => {
    const names = await standing();
    const node = randomUUID();
    const parent = names.generationId as string;
    const parts = [{ type: 'tool_result' as const }];
    const result = { messageId: node, parent, role: 'tool', origin: 'client', kind: 'message', parts } as const;
    const meta = { ...someMetadata, conversation: names.id };
    const wrapping = { id: randomUUID(), tenant: 'default', at: new Date().toISOString(), meta };
    await chat.append(`conversation-${names.id}`, [newEvent({ type: 'MessageSent', data: result }, wrapping)]);
    for (const path of [`${CONVERSATION}/preview`, `${CONVERSATION}/messages`]) {
      const { json } = await answered(409, `POST ${path}`, names);
      expect(json).toMatchObject({ code: 'newer_content', node });
    }
    await answered(202, `POST ${CONVERSATION}/messages`, names, { body: { content: 'x', parent } });
  });

  it.each(ASKING)('when %s may not ask a model', async (path) => {
    const name = `POST ${path}`;
    const names = await standing(path);
    const body = BODIES[name];
    await answered(422, name, names, { body: { ...body, provider: 'nobody' } });
    await answered(409, name, names, { body: { ...body, expectPrompt: 'a'.repeat(64) } });
    await chat.call('PATCH', `/api/v1/conversations/${names.id}`, { body: { tokenBudget: 1 } });
    await answered(422, name, names, { body });
    const others = await busy(path);
    await answered(409, name, others);
    await answered(422, name, others, { body: { ...body, whenBusy: 'enqueue', expectPrompt: 'a'.repeat(64) } });
  });

  it('when too many wait', async () => {
    const names = await busy('/generate');
    const enqueue = { content: 'x', whenBusy: 'enqueue' };
    for (let nth = 0; nth < limits.queuedTurnsMax; nth++) await chat.sent(names.id ?? '', enqueue);
    for (const path of ASKING) {
      await answered(429, `POST ${path}`, names, { body: { ...BODIES[`POST ${path}`], whenBusy: 'enqueue' } });
    }
  });

  it.each([
    ['away', 503, new RetryableError('away')],
    ['broken', 500, new Error('broken')],
  ])('when something is %s', async (_, status, error) => {
    jest.spyOn(chat.engines.keys, 'findAll').mockRejectedValue(error);
    jest.spyOn(chat.engines.builds, 'list').mockRejectedValue(error);
    // One that nobody has looked up yet.
    const key = `vb_s${status}_${'a'.repeat(64)}`;
    for (const { name } of withKey()) await answered(status, name, ids, { key });
    // The stores are asked in the background, a second after the last answer.
    await until(async () => (await chat.call('GET', '/health/ready', { key: null })).status === 503);
    await answered(503, 'GET /health/ready');
  });

  it('to an address with too many wrong keys', async () => {
    const key = `vb_made_${'a'.repeat(64)}`;
    for (const { method, path } of withKey()) {
      // As time passes, some more wrong keys are allowed: those are 401.
      let status = 401;
      while (status === 401) ({ status } = await call(method, path.replaceAll(/\{\w+\}/g, 'x'), { key }));
      expect(status).toBe(429);
    }
  });

  it('when the log is away', async () => {
    const { log } = chat.engines;
    const away = () => {
      throw new LogUnavailable('away');
    };
    // Not at once: workers ask again and again, and would leave nobody else a turn.
    jest.spyOn(log, 'append').mockImplementation(async () => sleep(5, { outcome: 'unavailable', maybeWritten: false }));
    jest.spyOn(log, 'readStream').mockImplementation(away);
    jest.spyOn(log, 'head').mockImplementation(away);
    jest.spyOn(log, 'backlog').mockImplementation(away);
    const affected = withStatus(503).filter(({ responses }) =>
      JSON.stringify(responses[503]).includes('log_unavailable'),
    );
    expect(affected.length).toBeGreaterThan(10);
    // The present is in a view, the past in the log alone.
    const past: Record<string, string> = {
      [`GET ${CONVERSATION}`]: '?at=1:0',
      [`GET ${CONVERSATION}/events`]: '?after=1:0',
      ...Object.fromEntries(LISTS.map((list) => [list, `?min=${ids.id}@1:0`])),
    };
    for (const { name } of affected) await answered(503, name, { ...ids, ...IN_RECORD }, {}, past[name]);
  });
});

it('takes the bodies that it documents', () => {
  for (const operation of contract.operations) {
    expect([operation.name, ...contract.requestBreaches(operation, BODIES[operation.name])]).toEqual([operation.name]);
  }
});

it('documents no route that was not called here, and no answer that was not given', () => {
  const unseen = contract.unseen().filter((answer) => !isNeverRefused(answer));
  expect(unseen.map((answer) => `${answer}: add a call that gets this answer, or do not document it`)).toEqual([]);
});
