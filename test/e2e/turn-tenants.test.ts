import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ApiClient } from '../support/api-client.js';
import type { Turn } from '../support/chat.js';
import { delta, stall } from '../support/fake-provider.js';
import type { LiveChat } from '../support/live-chat.js';
import { LiveProduct } from '../support/live-product.js';
import { until } from '../support/until.js';

const SECRET = 'nobody else may read this';

interface Route {
  readonly method: string;
  readonly path: string;
}

let live: LiveProduct;
let chat: LiveChat;
let turn: Turn;
let routes: Route[];
beforeAll(async () => {
  live = await LiveProduct.start();
  chat = await live.chat({ title: `title: ${SECRET}`, system: `system: ${SECRET}` });
  turn = await chat.say(`content: ${SECRET}`);
  routes = await documented();
});
afterAll(() => live.stop());

/**
 * Every route that names something of a conversation, as the product itself lists them. The proof of a run has hashes instead of
 * texts, and is not for members: test/integration/http-record.test.ts calls it.
 */
async function documented(): Promise<Route[]> {
  const { paths } = (await (await fetch(`${live.product.address}/openapi.json`)).json()) as {
    paths: Record<string, object>;
  };
  return Object.entries<object>(paths).flatMap(([path, methods]) =>
    /^\/api\/v1\/(conversations|runs)\/\{/.test(path) && !path.endsWith('/proof')
      ? Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path: path.slice('/api/v1'.length) }))
      : [],
  );
}

const bodies: Record<string, object> = {
  'PATCH /conversations/{id}': { title: 'taken over' },
  'PUT /conversations/{id}/branch': { leaf: 'x' },
  'POST /conversations/{id}/preview': { content: 'x' },
  'POST /conversations/{id}/messages': { content: 'x' },
  'POST /conversations/{id}/messages/{messageId}/edit': { content: 'x' },
};

/** A call of a route with these ids. Feeds are left as soon as their head has come. */
async function called(by: ApiClient, { method, path }: Route, ids: Record<string, string>, accept = '*/*') {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? '');
  if (path.endsWith('/events') && method === 'GET') {
    const feed = await by.stream('GET', filled);
    const status = feed.response.statusCode ?? 0;
    if (status === 200) await until(() => feed.events.length > 0);
    else await until(() => feed.isClosed);
    feed.leave();
    return { status, text: feed.text };
  }
  const body = bodies[`${method} ${path}`] ?? (method === 'POST' ? {} : undefined);
  return by.call(method, filled, body, { accept });
}

const idsOf = ({ id }: LiveChat, { messageId, generationId }: Turn) => ({ id, messageId, generationId });
const toldOf = (text: string) => text.includes(SECRET) || text.includes('title:') || text.includes('fake-model');

describe('a user of another tenant', () => {
  it.each([
    ['of another tenant, as its administrator', async () => live.tenant('acme')],
    ['of another tenant, as its auditor', async () => live.user('auditor', await live.tenant('umbrella'))],
    ['of another tenant, as its member', async () => live.user('member', await live.tenant('globex'))],
    ['of the same tenant', async () => live.user('member')],
  ])('%s finds nothing on any route', async (who, makeStranger) => {
    const stranger = await makeStranger();
    const before = await live.eventCount();
    expect(routes.length).toBeGreaterThanOrEqual(13);
    for (const route of routes) {
      for (const accept of ['*/*', 'text/event-stream']) {
        const { status, text } = await called(stranger, route, idsOf(chat, turn), accept);
        const mayNotWrite = who.includes('auditor') && route.method !== 'GET';
        expect([route, status, toldOf(text)]).toEqual([route, mayNotWrite ? 403 : 404, false]);
        const { text: unknown } = await called(stranger, route, {
          id: 'unknown',
          messageId: 'unknown',
          generationId: 'unknown',
        });
        expect(withoutTrace(text)).toEqual(withoutTrace(unknown));
      }
    }
    expect(await live.eventCount()).toBe(before);
  });

  it('cannot refer to it from their own conversation', async () => {
    const stranger = await live.user('member');
    const own = await live.chat({}, stranger);
    const mine = await own.say('a conversation of my own');
    const before = await live.eventCount();
    const { messageId, generationId } = turn;
    const refused = [
      await own.post(`messages/${messageId}/edit`, { content: 'x' }),
      await own.post(`messages/${messageId}/generate`),
      await own.post(`generations/${generationId}/regenerate`),
      await own.post(`generations/${generationId}/cancel`),
      await own.post('preview', { regenerate: generationId }),
      await own.post('preview', { content: 'x', parent: generationId }),
      await own.post('messages', { content: 'x', parent: messageId }),
      await own.post('messages', { content: 'x', revises: messageId }),
      await own.by.call('PUT', own.path('branch'), { leaf: generationId }),
      await own.by.call('GET', own.path(`?branch=${generationId}`).replace('/?', '?')),
      await own.by.call('GET', own.path(`?before=${messageId}`).replace('/?', '?')),
    ];
    expect(refused.map(({ status, text }) => [status, toldOf(text)])).toEqual(
      [404, 404, 404, 404, 404, 422, 422, 404, 422, 422, 422].map((status) => [status, false]),
    );
    expect(await live.eventCount()).toBe(before);
    expect((await own.view()).path).toEqual([mine.messageId, mine.generationId]);
  });

  it('finds neither queued nor open turns', async () => {
    const own = await live.chat();
    live.provider.play('secretly open', [delta(SECRET), stall]);
    const open = await own.send('secretly open');
    const waits = await own.send('secretly waiting', { whenBusy: 'enqueue' });
    await own.saying(open, SECRET);
    const strangers = [await live.user(), await live.user('admin', await live.tenant('waiting'))];
    for (const stranger of strangers) {
      for (const { generationId } of [open, waits]) {
        for (const path of ['', '/request', '/deltas']) {
          const { status, json } = await stranger.call('GET', `/runs/${generationId}${path}`);
          expect([status, json.code]).toEqual([404, 'generation_not_found']);
        }
        expect((await own.as(stranger).cancel({ generationId })).status).toBe(404);
      }
    }
    for (const turn of [waits, open]) await own.cancel(turn);
    expect((await own.ended(open)).text).toBe(SECRET);
  });

  it('does not see the keys of another tenant', async () => {
    const [acme, other] = [await live.tenant('acme keys'), await live.tenant('other keys')];
    const { id } = await acme.ask('POST', '/keys', { user: 'eve', role: 'member', name: SECRET });
    expect((await other.call('GET', '/keys')).text).not.toContain(SECRET);
    expect((await other.call('DELETE', `/keys/${id}`)).status).toBe(404);
    expect((await acme.call('GET', '/keys')).text).toContain(SECRET);
  });
});

/** A look at data of others is an event of its own: test/integration/http-access.test.ts. */
const WITHOUT_LOOKS = { withoutTypes: ['AccessRecorded'] };

describe('an auditor', () => {
  it('reads everything of the tenant, and writes nothing but the trail of its looks', async () => {
    const auditor = await live.user('auditor');
    const before = await live.eventCount(WITHOUT_LOOKS);
    for (const route of routes) {
      const { status, text } = await called(auditor, route, idsOf(chat, turn));
      expect([route, status]).toEqual([route, route.method === 'GET' ? 200 : 403]);
      expect([route, toldOf(text)]).toEqual([route, route.method === 'GET' && !route.path.endsWith('/deltas')]);
    }
    expect((await auditor.call('POST', '/conversations', {})).status).toBe(403);
    expect((await auditor.call('GET', '/keys')).status).toBe(403);
    expect(await live.eventCount(WITHOUT_LOOKS)).toBe(before);
    expect(await live.eventCount({ categories: ['access'] })).toBeGreaterThan(0);
  });

  it('and an administrator write nothing but that trail in conversations of others', async () => {
    const before = await live.eventCount(WITHOUT_LOOKS);
    for (const route of routes) {
      const { status } = await called(live.admin, route, idsOf(chat, turn));
      expect([route, status]).toEqual([route, route.method === 'GET' ? 200 : 404]);
    }
    expect(await live.eventCount(WITHOUT_LOOKS)).toBe(before);
  });
});

describe('a key that is revoked', () => {
  it('gets no further events, and the turn that it started continues', async () => {
    const { id, key } = await live.admin.ask('POST', '/keys', { user: 'revoked', role: 'member', name: 'k' });
    const revoked = live.client(key);
    const own = await live.chat({}, revoked);
    live.provider.play('revoked while', [delta('still'), stall]);
    const [feed, one] = [
      await own.watch('0:0'),
      await revoked.stream('POST', own.path('messages'), { content: 'revoked while it streams' }),
    ];
    await until(() => one.events.length === 1 && feed.events.some(({ event }) => event === 'delta'));
    await live.admin.call('DELETE', `/keys/${id}`);
    await until(() => feed.isClosed && one.isClosed);
    expect((await revoked.call('GET', own.path())).status).toBe(401);
    expect((await revoked.stream('GET', own.path('events'))).response.statusCode).toBe(401);

    const again = own.as(await sameUser('revoked'));
    expect(await again.view()).toMatchObject({ status: 'generating' });
    const generationId = String(one.response.headers['verbatim-generation-id']);
    expect(live.provider.calls('revoked while')[0]?.abortedAt).toBeUndefined();
    await again.cancel({ generationId });
    expect(await again.ended({ generationId })).toMatchObject({ status: 'cancelled', text: 'still' });
  });
});

it('has kept every promise', async () => {
  expect(await live.breaches()).toEqual([]);
});

async function sameUser(user: string): Promise<ApiClient> {
  return live.client((await live.admin.ask('POST', '/keys', { user, role: 'member', name: 'another' })).key);
}

/** A problem names the request; everything else must be the same whether or not there is something to find. */
function withoutTrace(text: string): unknown {
  const { traceId: _, ...rest } = JSON.parse(text);
  return rest;
}
