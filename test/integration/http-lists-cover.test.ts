import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Chat, CONVERSATIONS, HOLD, startChat, type Turn } from '../support/chat.js';
import { expectProblem } from '../support/expect-problem.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { memoryEngines } from '../support/memory-engines.js';
import { SseClient } from '../support/sse-client.js';
import { until } from '../support/until.js';

// biome-ignore lint/suspicious/noExplicitAny: whatever the server says, for the test to judge
type Json = any;

const TURNS = 20;

describe('a list after what its client was shown', () => {
  let chat: Chat;
  beforeEach(async () => {
    chat = await startChat({ VERBATIM_ROLES: 'api,saga,projections' });
  });
  afterEach(() => chat.close());

  const get = async (path: string): Promise<Json> => (await chat.call('GET', `/api/v1/${path}`)).json;
  /** As both lists tell of the newest conversation and of its newest run. */
  const listed = async () => {
    const [conversations, runs] = await Promise.all([get('conversations?limit=1'), get('runs?limit=1')]);
    return [conversations.items[0]?.status, runs.items[0]?.status, runs.items[0]?.id];
  };
  const streamed = async (id: string, body: object) => {
    const { headers } = await chat.post(`${id}/messages`, body, { headers: { accept: 'text/event-stream' } });
    return String(headers['verbatim-generation-id']);
  };
  async function feedOf(path: string): Promise<SseClient> {
    await chat.app.listen(0, '127.0.0.1');
    const address = `${await chat.app.getUrl()}/api/v1/${path}`;
    return SseClient.open(address, { authorization: `Bearer ${chat.adminKey}` });
  }

  it('never shows a turn as open whose stream has sent its end', async () => {
    const id = await chat.started();
    for (let turn = 0; turn < TURNS; turn++) {
      const generation = await streamed(id, { content: `turn ${turn}` });
      expect(await listed()).toEqual(['idle', 'final', generation]);
    }
  });

  it.each([
    ['the feed of its conversation', (id: string) => `conversations/${id}/events`, 'generation-finalized'],
    ['the feed of runs', () => 'runs/events', 'run-ended'],
  ])('never shows a turn as open that %s has ended', async (_, path, end) => {
    const id = await chat.started();
    const feed = await feedOf(path(id));
    for (let turn = 1; turn <= TURNS; turn++) {
      const { generationId } = await chat.sent(id, { content: `turn ${turn}` });
      await until(() => feed.events.filter(({ event }) => event === end).length === turn);
      expect(await listed()).toEqual(['idle', 'final', generationId]);
    }
    feed.leave();
  });

  it('shows a turn as open that was just asked for, and ended when one that reads it has seen the end', async () => {
    const id = await chat.started();
    const turn = await chat.sent(id, { content: HOLD });
    expect((await listed())[2]).toBe(turn.generationId);
    await chat.firstWord(turn.generationId);
    expect((await get(`conversations/${id}`)).status).toBe('generating');
    expect(await listed()).toEqual(['generating', 'streaming', turn.generationId]);
    chat.release();
    await until(async () => (await get(`runs/${turn.generationId}`)).status === 'final');
    expect(await listed()).toEqual(['idle', 'final', turn.generationId]);
    expect((await get(`conversations/${id}`)).status).toBe('idle');
  });

  it('shows a turn as ended after a cancel that came too late for it', async () => {
    const id = await chat.started();
    for (let turn = 0; turn < TURNS; turn++) {
      const { generationId } = await chat.done(id, { content: `turn ${turn}` });
      expect((await chat.post(`${id}/generations/${generationId}/cancel`)).json).toEqual({ status: 'final' });
      expect(await listed()).toEqual(['idle', 'final', generationId]);
    }
  });

  it.each(['day', 'user', 'model'])('counts each turn whose stream has sent its end, by %s', async (by) => {
    const id = await chat.started();
    for (let turn = 1; turn <= TURNS; turn++) {
      await streamed(id, { content: `turn ${turn}` });
      const { items } = await get(`usage?by=${by}`);
      expect(items).toEqual([expect.objectContaining({ runs: turn })]);
    }
  });

  it('shows what was started, renamed and archived at once', async () => {
    for (let nth = 0; nth < TURNS; nth++) {
      const id = await chat.started({ title: `first ${nth}` });
      expect((await get('conversations?limit=1')).items[0]).toMatchObject({ id, title: `first ${nth}` });
      const changed = (body: object) => chat.call('PATCH', `${CONVERSATIONS}/${id}`, { body });
      await changed({ title: `second ${nth}` });
      expect((await get('conversations?limit=1')).items[0]).toMatchObject({ id, title: `second ${nth}` });
      await changed({ archived: true });
      expect((await get('conversations?limit=1')).items).toEqual([]);
    }
  });
});

describe('a list that must cover a cursor', () => {
  let one: Chat;
  let other: HttpApp;
  beforeEach(async () => {
    one = await startChat({ VERBATIM_ROLES: 'api,saga,projections' });
    other = await startHttpApp(one.engines, { VERBATIM_ROLES: 'api' });
  });
  afterEach(async () => {
    await other.close();
    await one.close();
  });

  const items = async (list: string, min: string): Promise<Json[]> => {
    const { json } = await other.call('GET', `/api/v1/${list}?limit=200&min=${min}`, { key: one.adminKey });
    return (json as Json).items;
  };
  /** The conversation and its newest run, as the two lists have them. */
  const lists = async (id: string, cursor: string) => {
    const [conversations, runs] = [
      await items('conversations', `${id}@${cursor}`),
      await items('runs', `${id}@${cursor}`),
    ];
    return [conversations.find((item) => item.id === id), runs.find((item) => item.conversation === id)];
  };
  const streamedTo = async (id: string, body: object) => {
    const { text } = await one.post(`${id}/messages`, body, { headers: { accept: 'text/event-stream' } });
    expect(text).toContain('"done":true');
    return (await one.ledger(id)).length;
  };

  it('covers it in a process that has done and shown nothing of it', async () => {
    const id = await one.started();
    for (let turn = 0; turn < TURNS; turn++) {
      const ledger = await streamedTo(id, { content: `turn ${turn}` });
      const [conversations, runs] = await lists(id, `${ledger}:0`);
      expect(conversations).toMatchObject({ id, status: 'idle' });
      expect(runs).toMatchObject({ conversation: id, status: 'final' });
    }
  });

  it('covers the claim that the second half of a cursor counts', async () => {
    for (let turn = 0; turn < TURNS; turn++) {
      const id = await one.started();
      const { generationId } = (await one.sent(id, { content: `${HOLD} ${turn}` })) as Turn;
      await one.firstWord(generationId);
      const ledger = (await one.ledger(id)).length;
      const [conversations, runs] = await lists(id, `${ledger}:1`);
      expect(conversations).toMatchObject({ id, status: 'generating' });
      expect(runs).toMatchObject({ id: generationId, status: 'streaming' });
    }
  });

  it('is refused for a malformed cursor, one beyond the end, or one of another conversation', async () => {
    const id = await one.started();
    const { key } = await one.newKey('member');
    for (const list of ['conversations', 'runs']) {
      const ask = (min: string, by = one.adminKey) => other.call('GET', `/api/v1/${list}?min=${min}`, { key: by });
      for (const min of ['', 'x', '1:0', `${id}@`, `${id}@1`, '@1:0', `${id}@1:0@1:0`]) {
        expectProblem(await ask(min), 400, 'cursor_invalid');
      }
      expectProblem(await ask(`${id}@9:0`), 422, 'cursor_beyond_end');
      expectProblem(await ask('nothing@1:0'), 404, 'conversation_not_found');
      expectProblem(await ask(`${id}@1:0`, key), 404, 'conversation_not_found');
    }
  });

  it('is 503 if its view does not cover the cursor in time; without a cursor it answers with an older list', async () => {
    const alone = await startHttpApp(memoryEngines(), { VERBATIM_ROLES: 'api' });
    const { id, cursor } = (await alone.call('POST', CONVERSATIONS, { body: {} })).json as Json;
    const older = await alone.call('GET', '/api/v1/conversations');
    expect([older.status, older.json]).toEqual([200, { items: [], next: null }]);
    const sums = await alone.call('GET', '/api/v1/usage');
    expect([sums.status, sums.json]).toEqual([200, { items: [] }]);
    for (const list of ['conversations', 'runs']) {
      const { status, json, headers } = await alone.call('GET', `/api/v1/${list}?min=${id}@${cursor}`);
      expect([status, (json as Json).code, headers['retry-after']]).toEqual([503, 'view_behind', '1']);
    }
    await alone.close();
  }, 30_000);
});
