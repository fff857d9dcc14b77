import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ConversationView } from '../../src/domain/conversation/view.js';
import { isConversationId } from '../../src/events/conversation-events.js';
import { ChatLog } from '../support/chat-log.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { memoryEngines } from '../support/memory-engines.js';
import { wholeStream } from '../support/new-events.js';
import { SseClient, type SseEvent } from '../support/sse-client.js';
import { until } from '../support/until.js';

const time = expect.stringMatching(/^2026-01-01T00:/);

/** These tests write to the log behind the product's back: what it has not done itself comes into its views in a while. */
async function broughtIn({ engines: { log, views } }: HttpApp, id: string): Promise<void> {
  if (!isConversationId(id)) return;
  const events = await wholeStream(log, `conversation-${id}`);
  await until(async () => ((await views.messages.head(id))?.seen ?? 0) >= events.length);
}

describe('reading a conversation over HTTP', () => {
  let app: HttpApp;
  let key: string;
  let address: string;
  // Ids of generations are unique in a log, and here they have names: so each test has its own.
  beforeEach(async () => {
    app = await startHttpApp(memoryEngines(), { VERBATIM_ROLES: 'api,projections' });
    ({ key } = await app.newKey('member'));
    await app.app.listen(0, '127.0.0.1');
    address = await app.app.getUrl();
  });
  afterEach(() => app.close());

  const newChat = () => new ChatLog(app.engines.log, undefined, { tenant: 'default', owner: 'a member' });
  const get = async (path: string, by = key) => {
    await broughtIn(app, path.replace(/\?.*/, ''));
    return app.call('GET', `/api/v1/conversations/${path}`, { key: by });
  };
  const view = async (path: string) => {
    const { status, json } = await get(path);
    if (status !== 200) throw new Error(`${path}: ${JSON.stringify(json)}`);
    return json as ConversationView;
  };
  const refused = async (path: string, by?: string) => {
    const { status, json } = await get(path, by);
    return `${status} ${(json as { code?: string }).code}`;
  };
  const watch = async (chat: ChatLog) => {
    await broughtIn(app, chat.id);
    return SseClient.open(`${address}/api/v1/conversations/${chat.id}/events`, { authorization: `Bearer ${key}` });
  };

  it('answers with the whole contract, to the last field', async () => {
    const chat = await newChat().started('A title', 'Be brief.');
    await chat.turn('1', ['Hello ', 'there']);
    await chat.sent('n1', 'aside', { parent: 'g1', kind: 'note' });
    await chat.sent('m2', 'again', { revises: 'm1' });
    await chat.requested('g2', 'm1', 'g1');
    expect(await view(chat.id)).toEqual({
      id: chat.id,
      title: 'A title',
      system: 'Be brief.',
      model: null,
      provider: null,
      params: null,
      archived: false,
      status: 'queued',
      cursor: '8:0',
      path: ['m1', 'g2'],
      more: false,
      tree: [
        {
          id: 'm1',
          parent: null,
          role: 'user',
          kind: 'message',
          origin: 'person',
          text: 'text 1',
          status: 'final',
          at: time,
          cursor: '2:0',
        },
        {
          id: 'g1',
          parent: 'm1',
          role: 'assistant',
          kind: 'message',
          origin: 'model',
          text: 'Hello there',
          status: 'final',
          at: time,
          model: 'demo-1',
          usage: { promptTokens: 3, completionTokens: 2, totalTokens: 5 },
          cost: { amount: '0.001', currency: 'USD' },
          cursor: '5:0',
        },
        {
          id: 'n1',
          parent: 'g1',
          role: 'user',
          kind: 'note',
          origin: 'person',
          text: 'aside',
          status: 'final',
          at: time,
          cursor: '6:0',
        },
        {
          id: 'm2',
          parent: null,
          role: 'user',
          kind: 'message',
          origin: 'person',
          text: 'again',
          status: 'final',
          revises: 'm1',
          at: time,
          cursor: '7:0',
        },
        {
          id: 'g2',
          parent: 'm1',
          role: 'assistant',
          kind: 'message',
          origin: 'model',
          text: '',
          status: 'queued',
          regenerates: 'g1',
          at: time,
          cursor: '8:0',
        },
      ],
    });
  });

  it('answers at every cursor that a client has seen with what it saw, and now with what there is', async () => {
    const chat = await newChat().started('Before');
    const client = await watch(chat);
    await until(() => client.events.length === 1);
    await chat.sent('m1', 'one');
    await chat.asked('g1', 'm1');
    await chat.claimed('g1');
    await chat.attemptEnded('g1', { outcome: 'failed', finishReason: null, retryAt: '2026-01-01T00:00:09.000Z' });
    await chat.claimed('g1');
    await chat.delta('g1', 'thinking', 'reasoning');
    await chat.delta('g1', 'a');
    await chat.sent('n1', 'a note', { parent: 'm1', kind: 'note' });
    await chat.delta('g1', 'b');
    await chat.requested('q1', 'm1');
    await chat.ledger({ type: 'GenerationCancelRequested', data: { generationId: 'g1', reason: 'asked' } });
    await chat.delta('g1', 'c');
    await chat.attemptEnded('g1', { outcome: 'cancelled', finishReason: null });
    await chat.finalized('g1', { status: 'cancelled', finishReason: null });
    await chat.assembled('q1');
    await chat.claimed('q1');
    await chat.delta('q1', 'd');
    await chat.ledger({ type: 'ConversationRenamed', data: { title: 'After' } });
    await chat.ledger({ type: 'BranchSelected', data: { leaf: 'g1' } });
    const error = { kind: 'network', message: 'It broke.' };
    await chat.attemptEnded('q1', { outcome: 'failed', finishReason: null, error });
    await chat.finalized('q1', { status: 'error', finishReason: null, error });
    await until(() => client.cursors.at(-1) === '12:0');

    for (const [nth, { id }] of client.events.entries()) {
      const then = await view(`${chat.id}?at=${id}`);
      expect([id, seenIn(then)]).toEqual([id, foldedBy(client.events.slice(0, nth + 1))]);
      expect(then.cursor).toBe(id);
    }
    expect(await view(chat.id)).toEqual(await view(`${chat.id}?at=12:0`));
    expect(await view(`${chat.id}?min=12:0`)).toEqual(await view(chat.id));
    client.leave();
  });

  it('shows an open reply at the cursor of the view, at the same one again', async () => {
    const chat = await newChat().started();
    await chat.sent('m1', 'one');
    await chat.asked('g1', 'm1');
    expect(await view(chat.id)).toMatchObject({ status: 'queued', cursor: '4:0' });
    await chat.claimed('g1');
    await chat.delta('g1', 'a');
    const now = await view(chat.id);
    expect(now).toMatchObject({ status: 'generating', cursor: '4:2', path: ['m1', 'g1'] });
    expect(now.tree.at(-1)).toMatchObject({ text: 'a', status: 'streaming', cursor: '4:2', model: 'demo-small' });
    expect(now.tree.at(-1)).not.toHaveProperty('usage');
    await chat.delta('g1', 'b');
    await chat.attemptEnded('g1');
    expect((await view(chat.id)).tree.at(-1)).toMatchObject({ text: 'ab', status: 'streaming', cursor: '4:4' });
    expect(await view(`${chat.id}?at=4:2`)).toEqual(now);
    expect(await view(`${chat.id}?min=4:3`)).toMatchObject({ cursor: '4:4' });
  });

  it('pages back through a long tree, and always names the whole path', async () => {
    const chat = await newChat().started();
    for (let nth = 0; nth < 505; nth++) {
      await chat.sent(`m${nth}`, `${nth}`, { parent: nth === 0 ? null : `m${nth - 1}` });
    }
    const newest = await view(chat.id);
    expect([newest.tree.length, newest.tree[0]?.id, newest.more]).toEqual([500, 'm5', true]);
    expect(newest.path).toHaveLength(505);
    const rest = await view(`${chat.id}?before=m5`);
    expect([rest.tree.map(({ id }) => id), rest.more]).toEqual([['m0', 'm1', 'm2', 'm3', 'm4'], false]);
    expect(rest.path).toEqual(newest.path);
    expect((await view(`${chat.id}?branch=m2`)).path).toEqual(['m0', 'm1', 'm2']);
  });

  it('refuses cursors, leaves and nodes that are not there, each in its own way', async () => {
    const chat = await newChat().started();
    await chat.sent('m1', 'one');
    await chat.sent('n1', 'note', { kind: 'note' });
    await chat.asked('g1', 'm1');
    for (const name of ['at', 'min']) {
      for (const malformed of ['', '1', 'x', '1:0:0', '01:0', '-1:0']) {
        expect([name, malformed, await refused(`${chat.id}?${name}=${malformed}`)]).toEqual([
          name,
          malformed,
          '400 cursor_invalid',
        ]);
      }
      for (const beyond of ['6:0', '5:1', '2:1', '99:0']) {
        expect([name, beyond, await refused(`${chat.id}?${name}=${beyond}`)]).toEqual([
          name,
          beyond,
          '422 cursor_beyond_end',
        ]);
      }
    }
    expect((await view(`${chat.id}?at=0:0`)).tree).toEqual([]);
    expect(await refused(`${chat.id}?branch=nobody`)).toBe('422 leaf_not_found');
    expect(await refused(`${chat.id}?branch=g1&at=4:0`)).toBe('200 undefined');
    expect(await refused(`${chat.id}?branch=g1&at=2:0`)).toBe('422 leaf_not_found');
    expect(await refused(`${chat.id}?branch=n1`)).toBe('422 leaf_is_note');
    expect(await refused(`${chat.id}?before=nobody`)).toBe('422 node_not_found');
    expect(await refused(`${chat.id}?since=1:0`)).toBe('400 invalid_request');
    expect(await refused(`${chat.id}?at=1:0&at=2:0`)).toBe('400 invalid_request');
  });

  it('lets members read their own conversations, auditors and admins all of their tenant, and no user others', async () => {
    const chat = await newChat().started();
    await chat.turn('1', ['a']);
    const tenant = (await app.call('POST', '/api/v1/tenants', { body: { name: 'acme' } })).json as { key: string };
    const other = await app.call('POST', '/api/v1/keys', { body: { user: 'other', role: 'member', name: 'k' } });
    const readers = [
      [key, 200],
      [(await app.newKey('auditor')).key, 200],
      [app.adminKey, 200],
      [(other.json as { key: string }).key, 404],
      [tenant.key, 404],
      [(await app.newKey('auditor', tenant.key)).key, 404],
    ] as const;
    for (const [by, status] of readers) {
      const code = status === 404 ? '404 conversation_not_found' : '200 undefined';
      for (const path of [chat.id, `${chat.id}?at=5:0`, `${chat.id}?min=99:0`]) {
        const expected = status === 200 && path.includes('min') ? '422 cursor_beyond_end' : code;
        expect([path, await refused(path, by)]).toEqual([path, expected]);
      }
      const authorization = `Bearer ${by}`;
      const feed = await SseClient.open(`${address}/api/v1/conversations/${chat.id}/events`, { authorization });
      expect(feed.response.statusCode).toBe(status);
      feed.leave();
      expect((await app.call('HEAD', `/api/v1/conversations/${chat.id}/events`, { key: by })).status).toBe(status);
    }
  });

  it.each(['nobody', 'no.stream', '%00', 'a%20b', 'x'.repeat(500), `a'"--`])('finds nothing at %s', async (id) => {
    for (const path of [id, `${id}/events`, `${id}/events?after=0:0`, `${id}?at=0:0`]) {
      expect(await refused(path)).toBe('404 conversation_not_found');
    }
  });

  describe('the feed', () => {
    it('refuses before its head, as a problem', async () => {
      const chat = await newChat().started();
      expect(await refused(`${chat.id}/events?after=x`)).toBe('400 cursor_invalid');
      expect(await refused(`${chat.id}/events?after=2:0`)).toBe('422 cursor_beyond_end');
      expect(await refused(`${chat.id}/events?at=1:0`)).toBe('400 invalid_request');
      const answer = await app.call('GET', `/api/v1/conversations/${chat.id}/events`, {
        key,
        headers: { 'last-event-id': '1:1' },
      });
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
      expect(answer.json).toMatchObject({ status: 422, code: 'cursor_beyond_end' });
    });

    it('has the headers of every other answer, and none of them twice', async () => {
      const client = await watch(await newChat().started());
      expect(client.response.headers).toMatchObject({
        'content-type': 'text/event-stream; charset=utf-8',
        'x-content-type-options': 'nosniff',
        'content-security-policy': expect.any(String),
      });
      client.leave();
    });

    it('has the answer of GET as its snapshot, and resumes from Last-Event-ID rather than from its query', async () => {
      const chat = await newChat().started();
      await chat.turn('1', ['a']);
      const client = await watch(chat);
      await until(() => client.events.length === 1);
      expect(client.events[0]?.data).toEqual(await view(chat.id));
      const url = `${address}/api/v1/conversations/${chat.id}/events?after=1:0`;
      const resumed = await SseClient.open(url, { authorization: `Bearer ${key}`, 'last-event-id': '4:2' });
      await until(() => resumed.events.length === 2);
      expect(resumed.cursors).toEqual(['4:3', '5:0']);
      client.leave();
      resumed.leave();
    });

    it('answers HEAD without a body, and without staying', async () => {
      const chat = await newChat().started();
      const url = `${address}/api/v1/conversations/${chat.id}/events`;
      const answer = await fetch(url, { method: 'HEAD', headers: { authorization: `Bearer ${key}` } });
      expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
        200,
        'text/event-stream; charset=utf-8',
        '',
      ]);
    });

    it('ends when its key is revoked, with the pace of the product', async () => {
      const chat = await newChat().started();
      const revoked = await app.newKey('member');
      const url = `${address}/api/v1/conversations/${chat.id}/events`;
      const client = await SseClient.open(url, { authorization: `Bearer ${revoked.key}` });
      const other = await watch(chat);
      await app.call('DELETE', `/api/v1/keys/${revoked.id}`);
      await until(() => client.isClosed);
      expect(other.isClosed).toBe(false);
      expect((await SseClient.open(url, { authorization: `Bearer ${revoked.key}` })).response.statusCode).toBe(401);
      other.leave();
    });

    it('does not delay a stop of the process', async () => {
      const stopping = await startHttpApp(memoryEngines(), { VERBATIM_ROLES: 'api' });
      await stopping.app.listen(0, '127.0.0.1');
      const chat = await new ChatLog(stopping.engines.log, undefined, { tenant: 'default', owner: 'x' }).started();
      const url = `${await stopping.app.getUrl()}/api/v1/conversations/${chat.id}/events`;
      const clients = await Promise.all(
        [1, 2, 3].map(() => SseClient.open(url, { authorization: `Bearer ${stopping.adminKey}` })),
      );
      await stopping.close();
      await until(() => clients.every(({ isClosed }) => isClosed));
    });
  });
});

/** What a person looks at: each node with its text, and how far it is. */
const seenIn = ({ title, tree }: ConversationView) => ({
  title,
  nodes: Object.fromEntries(tree.map(({ id, text, status }) => [id, `${status} ${text}`])),
});

/** The same from nothing but what the client was told. */
function foldedBy(events: readonly SseEvent[]) {
  let title: string | null = null;
  const nodes: Record<string, { status: string; text: string }> = {};
  for (const { event, data } of events) {
    if (event === 'snapshot') title = data.title;
    if (event === 'conversation-renamed') title = data.title;
    if (event === 'message-sent') nodes[data.messageId] = { status: 'final', text: data.text };
    if (event === 'generation-requested') nodes[data.generationId] = { status: 'queued', text: '' };
    const reply = nodes[data.generationId];
    if (!reply) continue;
    if (event === 'generation-claimed') reply.status = 'streaming';
    if (event === 'delta' && data.channel === 'content') reply.text += data.text;
    if (event === 'generation-finalized') nodes[data.generationId] = { status: data.status, text: data.text };
  }
  return {
    title,
    nodes: Object.fromEntries(Object.entries(nodes).map(([id, { status, text }]) => [id, `${status} ${text}`])),
  };
}
