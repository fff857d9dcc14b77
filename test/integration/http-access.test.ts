import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ModulesContainer, Reflector } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { Looks } from '../../src/commands/looks.js';
import { OPERATOR } from '../../src/commands/origin.js';
import { SHOWS } from '../../src/http/sight.js';
import type { EventLog } from '../../src/ports/event-log.js';
import { categoryOf } from '../../src/ports/log-rules.js';
import { recordLimits } from '../../src/record-limits.js';
import { ChatLog } from '../support/chat-log.js';
import { expectProblem } from '../support/expect-problem.js';
import { gate } from '../support/gate.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { memoryEngines } from '../support/memory-engines.js';
import { registeredRoutes } from '../support/registered-routes.js';
import { recordedLooks } from '../support/trail.js';
import { until } from '../support/until.js';

const SECRET = 'of the merger';
const PROMPT = `{"messages":[{"role":"user","content":"${SECRET}"}]}`;

let app: HttpApp;
let address: string;
/** What the log does with looks. */
let onLook: (() => Promise<'refuse' | undefined>) | undefined;
let auditor: string;
let member: string;
/** Of the member, and of the first administrator. */
let chat: ChatLog;
let own: ChatLog;
/** The index of the first event of the member's chat. */
let entry: number;
beforeAll(async () => {
  const engines = memoryEngines();
  const { log } = engines;
  const append: EventLog['append'] = async (stream, ...args) => {
    const isRefused = categoryOf(stream) === 'access' && (await onLook?.()) === 'refuse';
    return isRefused ? { outcome: 'unavailable', maybeWritten: false } : log.append(stream, ...args);
  };
  app = await startHttpApp({ ...engines, log: Object.assign(Object.create(log), { append }) });
  await app.app.listen(0, '127.0.0.1');
  address = await app.app.getUrl();
  auditor = (await app.newKey('auditor')).key;
  member = (await app.newKey('member')).key;
  chat = await chatOf('a member', 'm');
  own = await chatOf('admin', 'a');
  await until(
    async () => (await app.engines.views.runs.list({ scope: { tenant: 'default' }, rowsMax: 9 })).length === 2,
  );
  await until(async () => (await get('runs/gm/proof')).status === 200);
  entry = JSON.parse((await get(`record/find?stream=conversation-${chat.id}&revision=0`)).text).index;
});
afterAll(() => app.close());

async function chatOf(owner: string, name: string): Promise<ChatLog> {
  const chat = await new ChatLog(app.engines.log, undefined, { tenant: 'default', owner }).started(`chat ${SECRET}`);
  await chat.sent(`m${name}`, SECRET);
  await chat.requested(`g${name}`, `m${name}`);
  await chat.assembled(`g${name}`, PROMPT);
  await chat.claimed(`g${name}`);
  await chat.delta(`g${name}`, SECRET);
  await chat.attemptEnded(`g${name}`);
  return chat.finalized(`g${name}`);
}

const trail = () => recordedLooks(app.engines.log);

/** The status, and the text of the answer: of a feed up to its first bytes. */
async function get(path: string, key = auditor, headers: Record<string, string> = {}, method = 'GET') {
  const leave = new AbortController();
  const answer = await fetch(`${address}/api/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...headers },
    signal: leave.signal,
  });
  const isFeed = answer.headers.get('content-type')?.startsWith('text/event-stream') && method !== 'HEAD';
  const text = isFeed ? '' : await answer.text();
  leave.abort();
  return { status: answer.status, text };
}

interface Shown {
  readonly path: () => string;
  readonly what: string;
  readonly objects: () => readonly { readonly kind: string; readonly id: string }[];
  readonly owner?: string;
  readonly filters?: Readonly<Record<string, unknown>>;
}

const all = (kind: string) => () => [{ kind, id: 'default' }];
const conversation = () => [{ kind: 'conversation', id: chat.id }];
const run = () => [{ kind: 'run', id: 'gm' }, ...conversation()];
const owner = 'a member';

/** Every route that shows data of others, and what it records. */
const LOOKS: Readonly<Record<string, Shown>> = {
  '/api/v1/conversations': {
    ...{ path: () => 'conversations?limit=5&q=merger', what: 'conversations', objects: all('conversations') },
    filters: { q: 'merger' },
  },
  '/api/v1/conversations/:id': {
    ...{ path: () => `conversations/${chat.id}`, what: 'conversation', objects: conversation, owner },
  },
  '/api/v1/conversations/:id/events': {
    ...{ path: () => `conversations/${chat.id}/events`, what: 'conversation_feed', objects: conversation, owner },
  },
  '/api/v1/runs': {
    ...{ path: () => 'runs?limit=5&status=final&to=2027-01-01', what: 'runs', objects: all('runs') },
    filters: { status: 'final', to: '2027-01-01' },
  },
  '/api/v1/runs/events': { path: () => 'runs/events', what: 'run_feed', objects: all('runs') },
  '/api/v1/runs/:generationId': { path: () => 'runs/gm', what: 'run', objects: run, owner },
  '/api/v1/runs/:generationId/request': { path: () => 'runs/gm/request', what: 'run_request', objects: run, owner },
  '/api/v1/runs/:generationId/deltas': { path: () => 'runs/gm/deltas', what: 'run_deltas', objects: run, owner },
  '/api/v1/runs/:generationId/proof': { path: () => 'runs/gm/proof', what: 'run_proof', objects: run, owner },
  '/api/v1/record/entries/:index': {
    ...{ path: () => `record/entries/${entry}`, what: 'record_entry', objects: conversation, owner },
  },
  '/api/v1/access': {
    ...{ path: () => 'access?limit=5&owner=a%20member', what: 'access', objects: all('access') },
    filters: { owner: 'a member' },
  },
  '/api/v1/usage': { path: () => 'usage?by=user', what: 'usage', objects: all('usage'), filters: { by: 'user' } },
};

/** In each case looks of an auditor of their own, so that no earlier record covers them. */
const newAuditor = async () => {
  auditors += 1;
  const body = { user: `auditor ${auditors}`, role: 'auditor', name: 'k' };
  const { json } = await app.call('POST', '/api/v1/keys', { body });
  return { key: (json as { key: string }).key, user: body.user, keyId: (json as { id: string }).id };
};
let auditors = 0;

const byUser = async (user: string) =>
  (await trail()).filter(({ tenant, meta }) => tenant === 'default' && meta.actor.id === user);

describe('every route', () => {
  it('declares whether it shows data of others, only own data, or nothing of a conversation', () => {
    const server = app.app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
    const declared = declarations();
    const routes = registeredRoutes(server).filter(
      ({ method, pattern }) => method !== 'HEAD' && !/^\/(docs|openapi)/.test(pattern),
    );
    // Fastify prints only the end of a path with a wildcard.
    const printed = (route: string) => route.replace(/ .*\*$/, ' *');
    expect([...declared.keys()].map(printed).sort()).toEqual(
      routes.map(({ method, pattern }) => printed(`${method} ${pattern}`)).sort(),
    );
    expect([...declared].filter(([, whose]) => !['others', 'own', 'nothing'].includes(whose))).toEqual([]);
    const others = [...declared].filter(([, whose]) => whose === 'others').map(([route]) => route);
    expect(others.sort()).toEqual(
      Object.keys(LOOKS)
        .map((pattern) => `GET ${pattern}`)
        .sort(),
    );
  });

  it('that shows data of others documents X-Purpose, and no other route does', async () => {
    const { paths } = (await app.call('GET', '/openapi.json')).json as ApiPaths;
    const documented = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, { parameters = [] }]) =>
        parameters.some(({ name }) => name === 'X-Purpose') ? [`${method} ${path}`] : [],
      ),
    );
    const expected = Object.keys(LOOKS).map((pattern) => `get ${pattern.replaceAll(/:(\w+)/g, '{$1}')}`);
    expect(documented.sort()).toEqual(expected.sort());
  });
});

interface ApiPaths {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly parameters?: { name: string }[] }>>>>;
}

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'];

/** By route, what its method or its controller declares. */
function declarations(): Map<string, string> {
  const reflector = app.app.get(Reflector);
  const controllers = [...app.app.get(ModulesContainer).values()].flatMap((module) => [...module.controllers.values()]);
  const declared = new Map<string, string>();
  for (const { metatype } of controllers) {
    if (!metatype) continue;
    const names = Object.getOwnPropertyNames(metatype.prototype).filter((name) => name !== 'constructor');
    for (const handler of names.map((name) => metatype.prototype[name])) {
      const path = Reflect.getMetadata('path', handler);
      if (path === undefined) continue;
      const pattern = ['', Reflect.getMetadata('path', metatype), path].join('/').replace(/\/$/, '');
      const method = METHODS[Reflect.getMetadata('method', handler)];
      const whose = reflector.getAllAndOverride(SHOWS, [handler, metatype]);
      declared.set(`${method} ${pattern.replaceAll('//', '/').replace(/\/$/, '')}`, String(whose));
    }
  }
  return declared;
}

describe.each(Object.entries(LOOKS))('GET %s', (_, { path, what, objects, owner, filters }) => {
  it('shows data of another only after the look is committed', async () => {
    const { key, user, keyId } = await newAuditor();
    const { opened, open } = gate();
    let asked = (): void => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    onLook = async () => {
      asked();
      await opened;
      return undefined;
    };
    let hasAnswered = false;
    const answer = get(path(), key, { 'x-purpose': 'case 17' }).finally(() => {
      hasAnswered = true;
    });
    try {
      await Promise.race([isAsked, answer]);
      // An answer that was sent before this request would have arrived before its answer.
      expect((await get('me', key)).status).toBe(200);
      expect([hasAnswered, await byUser(user)]).toEqual([false, []]);
    } finally {
      open();
    }
    expect((await answer).status).toBe(200);
    const looks = await byUser(user);
    expect(looks.map(({ data }) => data)).toEqual(
      objects().map((object) => ({
        ...{ what, object, purpose: 'case 17' },
        ...(owner && { owner }),
        ...(filters && { filters }),
      })),
    );
    expect(looks[0]).toMatchObject({ tenant: 'default', meta: { via: { kind: 'key', id: keyId } } });
  });

  it('answers 503 and shows nothing while the log takes no look', async () => {
    const { key, user } = await newAuditor();
    onLook = async () => 'refuse';
    for (const method of ['GET', 'HEAD']) {
      const { status, text } = await get(path(), key, {}, method);
      expect([method, status]).toEqual([method, 503]);
      expect(text).not.toContain('merger');
      if (method === 'GET') expect(JSON.parse(text)).toMatchObject({ code: 'unavailable' });
    }
    expect(await byUser(user)).toEqual([]);
    onLook = undefined;
    expect((await get(path(), key)).status).toBe(200);
    expect(await byUser(user)).toHaveLength(objects().length);
  });

  it('records nothing for a member, who sees only own data', async () => {
    onLook = undefined;
    await get(path(), member);
    expect(await byUser(owner ?? 'a member')).toEqual([]);
  });
});

describe('a look', () => {
  it('at own data is not recorded for any role', async () => {
    onLook = undefined;
    const paths = [`conversations/${own.id}`, `conversations/${own.id}/events`, 'runs/ga', 'runs/ga/request'];
    const more = ['runs/ga/deltas', `runs?conversation=${own.id}`, 'runs?user=admin', `conversations/${own.id}?at=1:0`];
    for (const path of [...paths, ...more]) expect([path, (await get(path, app.adminKey)).status]).toEqual([path, 200]);
    expect(await byUser('admin')).toEqual([]);
  });

  it('at a page of own rows is not recorded, but a search is, which also says what others did not write', async () => {
    const { json } = await app.call('POST', '/api/v1/tenants', { body: { name: 'alone' } });
    const { id, key } = json as { id: string; key: string };
    const inTenant = async () => (await trail()).filter(({ tenant }) => tenant === id).map(({ data }) => data.what);
    await (await new ChatLog(app.engines.log, undefined, { tenant: id, owner: 'admin' }).started()).turn('t', ['x']);
    await until(async () => (await app.engines.views.runs.list({ scope: { tenant: id }, rowsMax: 9 })).length === 1);
    for (const path of ['conversations', 'runs', 'runs?status=final']) await get(path, key);
    expect(await inTenant()).toEqual([]);
    for (const path of ['conversations?q=x', 'runs?q=x', 'runs?user=bob']) await get(path, key);
    expect(await inTenant()).toEqual(['conversations', 'runs', 'runs']);
  });

  it('by an administrator at data of another is recorded', async () => {
    expect((await get(`runs?conversation=${chat.id}`, app.adminKey)).status).toBe(200);
    expect((await byUser('admin')).map(({ data }) => data)).toEqual([
      { what: 'runs', object: { kind: 'conversation', id: chat.id }, owner: 'a member' },
    ]);
  });

  it('that is refused is not recorded', async () => {
    const { key, user } = await newAuditor();
    const paths = ['conversations/x', `conversations/${chat.id}?min=99:0`, 'runs/x', 'runs?before=x', 'usage?by=x'];
    for (const path of paths) expect([path, (await get(path, key)).status >= 400]).toEqual([path, true]);
    expect((await get(`conversations/${chat.id}/events?after=99:0`, key)).status).toBe(422);
    expect(await byUser(user)).toEqual([]);
  });

  it('at the past of a conversation is a look at that conversation', async () => {
    const { key, user } = await newAuditor();
    expect((await get(`conversations/${chat.id}?at=2:0`, key)).text).toContain(SECRET);
    expect((await byUser(user)).map(({ data }) => data.object)).toEqual(conversation());
  });

  it('that is repeated a thousand times in a minute is recorded once', async () => {
    const { user, key } = await newAuditor();
    const once = () => app.call('GET', `/api/v1/conversations/${chat.id}`, { key });
    for (let round = 0; round < 50; round++) {
      const answers = await Promise.all(Array.from({ length: 20 }, once));
      expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    }
    expect(await byUser(user)).toHaveLength(1);
  });
});

describe('an auditor who reads an entry of the record, the conversation, its answers and its live feed', () => {
  it('leaves a record of each, the smaller look before the greater', async () => {
    const { key, user } = await newAuditor();
    const paths = ['/api/v1/record/entries/:index', '/api/v1/conversations/:id', '/api/v1/conversations/:id/events'];
    const looks = paths.map((pattern) => LOOKS[pattern] as (typeof LOOKS)[string]);
    for (const { path } of [...looks, ...looks]) expect((await get(path(), key)).status).toBe(200);
    expect((await byUser(user)).map(({ data }) => data.what)).toEqual(
      looks.flatMap(({ what, objects }) => objects().map(() => what)),
    );
  });
});

describe('X-Purpose', () => {
  const path = () => `/api/v1/conversations/${chat.id}`;

  it.each([
    ['at most 200 characters', 'p'.repeat(recordLimits.purposeCharactersMax), 'p'.repeat(200)],
    ['UTF-8', Buffer.from('Prüfung “17” 😀').toString('latin1'), 'Prüfung “17” 😀'],
    ['Latin-1', 'Prüfung 17', 'Prüfung 17'],
    ['nothing', '', undefined],
  ])('keeps %s', async (_, sent, kept) => {
    const { key, user } = await newAuditor();
    expect((await app.call('GET', path(), { key, headers: { 'x-purpose': sent } })).status).toBe(200);
    expect((await byUser(user)).map(({ data }) => data.purpose)).toEqual([kept]);
  });

  it.each([
    ['more than 200 characters', 'p'.repeat(recordLimits.purposeCharactersMax + 1)],
    ['a tab', 'a\tb'],
    ['an escape', 'a\u001bb'],
    ['a character that reverses the text behind it', Buffer.from('a\u202eb').toString('latin1')],
    ['a separator of lines', Buffer.from('a\u2028b').toString('latin1')],
    ['a control character of two bytes', Buffer.from('a\u0085b').toString('latin1')],
  ])('refuses %s, and nothing is shown or recorded', async (_, sent) => {
    const { key, user } = await newAuditor();
    const answer = await app.call('GET', path(), { key, headers: { 'x-purpose': sent } });
    expectProblem(answer, 400, 'invalid_request');
    expect(answer.json).toMatchObject({ errors: [{ path: 'X-Purpose' }] });
    expect(answer.text).not.toContain(SECRET);
    expect(await byUser(user)).toEqual([]);
  });
});

describe('the access trail', () => {
  interface Page {
    readonly items: readonly { readonly what: string; readonly [field: string]: unknown }[];
    readonly next: string | null;
  }
  const trailFor = async (query: string, key = app.adminKey): Promise<Page> => {
    const { status, json } = await app.call('GET', `/api/v1/access?${query}`, { key });
    expect([query, status]).toEqual([query, 200]);
    return json as Page;
  };
  const whats = async (query: string, key?: string) => (await trailFor(query, key)).items.map(({ what }) => what);

  it('shows who looked at a run or its conversation, with the role and the purpose, as soon as the look is answered', async () => {
    const { key, user } = await newAuditor();
    await get('runs/gm', key, { 'x-purpose': 'case 18' });
    const look = {
      ...{ actor: user, role: 'auditor', what: 'run', owner: 'a member', objects: run() },
      ...{ filters: null, purpose: 'case 18', at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) },
    };
    expect((await trailFor(`actor=${user}`)).items).toEqual([look]);
    expect((await trailFor('object=gm&limit=1')).items).toEqual([look]);
    await get(`conversations/${chat.id}`, key);
    expect(await whats(`object=${chat.id}&actor=${user}`)).toEqual(['conversation', 'run']);
    expect(await whats(`object=gm&actor=${user}`)).toEqual(['run']);
    await get('usage', key);
    expect(await whats(`owner=a%20member&actor=${user}`)).toEqual(['conversation', 'run']);
    const [{ at } = { at: '' }] = (await trailFor(`actor=${user}`)).items;
    expect(await whats(`actor=${user}&from=${at}`)).toEqual(['usage']);
    expect(await whats(`actor=${user}&to=${at}`)).toEqual(['conversation', 'run']);
  });

  it('is read in pages, every look once', async () => {
    const { key, user } = await newAuditor();
    const paths = ['usage', 'usage?by=user', 'usage?by=model', 'runs', 'conversations', 'conversations?q=a', 'access'];
    for (const path of paths) await get(path, key);
    const whole = (await trailFor(`actor=${user}`)).items;
    expect(whole).toHaveLength(paths.length);
    const paged: unknown[] = [];
    for (let next: string | null = ''; next !== null; ) {
      const page: Page = await trailFor(`actor=${user}&limit=2${next && `&before=${next}`}`);
      paged.push(...page.items);
      next = page.next;
    }
    expect(paged).toEqual(whole);
  });

  it('is of the own tenant alone, and for auditors and administrators', async () => {
    const { json } = await app.call('POST', '/api/v1/tenants', { body: { name: 'another' } });
    const { key } = json as { key: string };
    await get('runs/gm');
    expect(await whats('object=gm')).toContain('run');
    expect(await whats('object=gm', key)).toEqual([]);
    expect(await whats('', key)).toEqual(['access']);
    expect(await whats('object=gm', auditor)).toContain('run');
    expectProblem(await app.call('GET', '/api/v1/access', { key: member }), 403, 'forbidden');
  });

  it('shows looks at the trail itself, also with a filter for own data', async () => {
    const { key, user } = await newAuditor();
    await trailFor(`owner=${encodeURIComponent(user)}`, key);
    expect((await trailFor(`actor=${user}`)).items).toMatchObject([
      { what: 'access', filters: { owner: user }, objects: all('access')(), owner: null },
    ]);
  });

  it('has no role for an actor without a key', async () => {
    const by = { tenant: 'default', actor: OPERATOR, via: { kind: 'cli', id: 'log show' }, traceId: 'trace' };
    const looks = app.app.get(Looks);
    await looks.record(by, { what: 'log_show', objects: [{ kind: 'stream', id: 'tenant-default' }] });
    expect((await trailFor('object=tenant-default')).items).toMatchObject([{ actor: 'operator', role: null }]);
  });
});
