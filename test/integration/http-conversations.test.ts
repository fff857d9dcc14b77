import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Chat, CONVERSATIONS, startChat, typesOf } from '../support/chat.js';
import { expectProblem } from '../support/expect-problem.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const everything = {
  title: 'Taxes',
  system: 'Be brief.',
  provider: 'demo',
  model: 'demo-2',
  params: { temperature: 0.5, stop: ['x', 'y'], seed: -1, reasoning_effort: 'low' },
  tokenBudget: 1_000,
  whenBusy: 'enqueue',
};
const nothing = Object.fromEntries(Object.keys(everything).map((name) => [name, null]));

let chat: Chat;
beforeAll(async () => {
  chat = await startChat();
});
afterAll(() => chat.close());

describe('starting a conversation over HTTP', () => {
  it('records what was chosen, and says where it can be seen', async () => {
    const { status, json } = await chat.post(CONVERSATIONS, everything);
    expect(status).toBe(201);
    expect(json).toEqual({ id: expect.stringMatching(UUID), cursor: '1:0' });
    const [event, ...more] = await chat.ledger((json as { id: string }).id);
    expect(more).toEqual([]);
    expect(event).toMatchObject({ type: 'ConversationStarted', tenant: 'default', meta: { owner: 'admin' } });
    expect(event?.data).toEqual({ ...everything, purpose: 'chat' });
  });

  it.each([
    ['nothing', {}],
    ['null for everything', nothing],
    ['no body', undefined],
    ['an empty body', ''],
  ])('needs no choice: %s', async (_, body) => {
    const { status, json } = await chat.post(CONVERSATIONS, body);
    expect(status).toBe(201);
    const [event] = await chat.ledger((json as { id: string }).id);
    expect(event?.data).toEqual({ title: null, system: null, purpose: 'chat' });
  });

  it('makes a new one each time', async () => {
    expect(await chat.started()).not.toBe(await chat.started());
  });

  it('takes texts up to their bounds, and empty ones', async () => {
    for (const body of [
      { title: '', system: '', params: {} },
      // As JSON six times as long: together still no more than the log takes at once.
      {
        title: '\u0001'.repeat(500),
        system: '\u0001'.repeat(153_599),
        params: { stop: Array(4).fill('\u0001'.repeat(256)) },
      },
      { title: 'é'.repeat(500), system: 'é'.repeat(128 * 1024), model: 'm'.repeat(200), tokenBudget: 1 },
    ]) {
      const id = await chat.started(body);
      expect((await chat.ledger(id))[0]?.data).toEqual({ ...body, purpose: 'chat' });
    }
  });

  it('answers that the log is away, and starts nothing', async () => {
    const { log } = chat.engines;
    const { append } = log;
    log.append = async () => ({ outcome: 'unavailable', maybeWritten: false });
    const answer = await chat.post(CONVERSATIONS, {});
    log.append = append;
    expectProblem(answer, 503, 'log_unavailable');
    expect(answer.headers['retry-after']).toBe('1');
  });
});

describe('changing a conversation over HTTP', () => {
  const change = (id: string, body: object, headers = {}) =>
    chat.call('PATCH', `${CONVERSATIONS}/${id}`, { body, headers });

  it('records what differs, and says where it can be seen', async () => {
    const id = await chat.started({ title: 'Taxes', model: 'a' });
    const { status, json } = await change(id, { title: 'Taxes', archived: true, model: 'b', system: 'Be brief.' });
    expect([status, json]).toEqual([200, { cursor: '3:0' }]);
    const events = await chat.ledger(id);
    expect(events.slice(1).map(({ type, data }) => [type, data])).toEqual([
      ['ConversationArchived', {}],
      ['ConversationConfigured', { model: 'b', system: 'Be brief.' }],
    ]);
    expect((await change(id, { archived: false, title: null })).json).toEqual({ cursor: '5:0' });
  });

  it('takes choices back with null', async () => {
    const id = await chat.started(everything);
    expect((await change(id, nothing)).json).toEqual({ cursor: '3:0' });
    const { title: _, ...choices } = nothing;
    expect((await chat.ledger(id)).slice(1).map(({ data }) => data)).toEqual([{ title: null }, choices]);
  });

  it('appends nothing when nothing differs', async () => {
    const id = await chat.started(everything);
    for (const body of [{}, everything, { ...everything, archived: false }]) {
      expect(await change(id, body)).toMatchObject({ status: 200, json: { cursor: '1:0' } });
    }
    expect(await chat.ledger(id)).toHaveLength(1);
  });

  it('ignores an idempotency key', async () => {
    const id = await chat.started();
    const headers = { 'idempotency-key': 'not even a good one' };
    expect((await change(id, { title: 'one' }, headers)).json).toEqual({ cursor: '2:0' });
    expect((await change(id, { title: 'two' }, headers)).json).toEqual({ cursor: '3:0' });
  });
});

describe('choosing a branch over HTTP', () => {
  const choose = (id: string, leaf: unknown) => chat.call('PUT', `${CONVERSATIONS}/${id}/branch`, { body: { leaf } });

  it('records another leaf, and nothing for the one that is selected', async () => {
    const id = await chat.started();
    const { messageId, generationId } = await chat.done(id, { content: 'Hi' });
    expect(await choose(id, generationId)).toMatchObject({ status: 200, json: { cursor: '5:0' } });
    expect(await choose(id, messageId)).toMatchObject({ status: 200, json: { cursor: '6:0' } });
    expect(typesOf(await chat.ledger(id)).slice(5)).toEqual(['BranchSelected']);
  });

  it('refuses what cannot be a leaf', async () => {
    const id = await chat.started();
    const { json } = await chat.post(`${id}/messages`, { content: 'note', kind: 'note' });
    const events = await chat.eventCount();
    expectProblem(await choose(id, 'nothing'), 422, 'leaf_not_found');
    expectProblem(await choose(id, (json as { messageId: string }).messageId), 422, 'leaf_is_note');
    expect(await chat.eventCount()).toBe(events);
  });
});

describe('the owner of a conversation', () => {
  const calls = (id: string) =>
    [
      ['PATCH', id, { title: 'mine' }],
      ['PUT', `${id}/branch`, { leaf: 'x' }],
      ['POST', `${id}/preview`, { content: 'Hi' }],
      ['POST', `${id}/messages`, { content: 'Hi' }],
      ['POST', `${id}/messages/x/edit`, { content: 'Hi' }],
      ['POST', `${id}/messages/x/generate`, {}],
      ['POST', `${id}/generations/x/regenerate`, {}],
      ['POST', `${id}/generations/x/cancel`, {}],
    ] as const;

  it('is the only user who may write it, also beside administrators and other tenants', async () => {
    const tenant = (await chat.post('/api/v1/tenants', { name: 'acme' })).json as { key: string };
    const mine = await chat.started();
    const theirs = await chat.started({}, { key: tenant.key });
    const member = (await chat.newKey('member')).key;
    const events = await chat.eventCount();
    for (const [key, id] of [
      [member, mine],
      [tenant.key, mine],
      [chat.adminKey, theirs],
      [chat.adminKey, '00000000-0000-4000-8000-000000000000'],
      [chat.adminKey, 'nothing'],
      [chat.adminKey, '%00'],
      [chat.adminKey, 'a'.repeat(900)],
    ] as const) {
      for (const [method, path, body] of calls(id)) {
        expectProblem(
          await chat.call(method, `${CONVERSATIONS}/${path}`, { key, body }),
          404,
          'conversation_not_found',
        );
      }
    }
    expect(await chat.eventCount()).toBe(events);
  });

  it('is read by auditors and written by none of them, and needs a key', async () => {
    const id = await chat.started();
    const auditor = (await chat.newKey('auditor')).key;
    const events = await chat.eventCount();
    for (const [method, path, body] of [['POST', '', {}] as const, ...calls(id)]) {
      const url = path === '' ? CONVERSATIONS : `${CONVERSATIONS}/${path}`;
      expectProblem(await chat.call(method, url, { key: auditor, body }), 403, 'forbidden');
      expectProblem(await chat.call(method, url, { key: null, body }), 401, 'unauthenticated');
    }
    expect(await chat.eventCount()).toBe(events);
  });
});

it('documents the routes that write conversations', async () => {
  const document = (await chat.call('GET', '/openapi.json')).json as {
    paths: Record<
      string,
      Record<
        string,
        { security?: unknown; responses: object; parameters: { name: string }[]; requestBody?: { required: boolean } }
      >
    >;
    components: { schemas: Record<string, { properties: Record<string, object>; required?: string[] }> };
  };
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, route]) =>
      path.startsWith('/api/v1/conversations') && method !== 'get' ? [{ at: `${method} ${path}`, ...route }] : [],
    ),
  );
  const taking = (header: string) =>
    routes.filter(({ parameters }) => parameters.some(({ name }) => name === header)).map(({ at }) => at);
  const at = '/api/v1/conversations/{id}';
  const keyed = [
    'post /api/v1/conversations',
    `post ${at}/messages`,
    `post ${at}/messages/{messageId}/edit`,
    `post ${at}/messages/{messageId}/generate`,
    `post ${at}/generations/{generationId}/regenerate`,
    `post ${at}/generations/{generationId}/cancel`,
  ];
  expect(routes.map((route) => route.at).sort()).toEqual(
    [`patch ${at}`, `put ${at}/branch`, `post ${at}/preview`, ...keyed].sort(),
  );
  expect(taking('Idempotency-Key').sort()).toEqual(keyed.toSorted());
  for (const { security, responses } of routes) {
    expect(security).toEqual([{ bearer: [] }]);
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(['400', '401', '403', '500', '503']));
  }
  const bodiless = routes.filter(({ requestBody }) => !requestBody?.required).map((route) => route.at);
  expect(bodiless.sort()).toEqual([keyed[0], ...keyed.slice(3)].sort());
  const { SendMessageBody, ChangeConversationBody } = document.components.schemas;
  expect(SendMessageBody?.required).toEqual(['content']);
  expect(SendMessageBody?.properties.parent).toMatchObject({ type: ['string', 'null'] });
  expect(ChangeConversationBody?.required).toBeUndefined();
});
