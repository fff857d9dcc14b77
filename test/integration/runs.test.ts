import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ChatLog, sha256 } from '../support/chat-log.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { memoryEngines } from '../support/memory-engines.js';

/** Escapes, more than one byte for a character, and half a pair: what a copy would get wrong. */
const TEXT = 'say "hé"\n\u2028 😀 \ud800';
const BODY = `{"messages":[{"role":"user","content":${JSON.stringify(TEXT)}}]}`;

describe('runs over HTTP', () => {
  let app: HttpApp;
  let key: string;
  let chat: ChatLog;
  beforeEach(async () => {
    app = await startHttpApp(memoryEngines(), { VERBATIM_ROLES: 'api' });
    ({ key } = await app.newKey('member'));
    chat = await new ChatLog(app.engines.log, undefined, { tenant: 'default', owner: 'a member' }).started();
  });
  afterEach(() => app.close());

  const get = (path: string, by = key) => app.call('GET', `/api/v1/runs/${path}`, { key: by });
  const refused = async (path: string, by?: string) => {
    const { status, json } = await get(path, by);
    return `${status} ${(json as { code?: string }).code}`;
  };
  const cursors = (json: unknown) =>
    (json as { events: { cursor: string; type: string }[] }).events.map(({ cursor, type }) => `${cursor} ${type}`);

  /** Requested at 2 s, claimed at 4 s and, after a failure that passed, at 6 s; ended at 12 s. */
  async function told(): Promise<void> {
    await chat.sent('m1', TEXT);
    await chat.requested('g1', 'm1');
    await chat.assembled('g1', BODY);
    await chat.claimed('g1');
    await chat.attemptEnded('g1', { outcome: 'failed', finishReason: null, retryAt: '2026-01-01T00:00:06.000Z' });
    await chat.claimed('g1');
    await chat.delta('g1', 'hm', 'reasoning');
    await chat.delta('g1', 'a');
    await chat.ledger({ type: 'GenerationCancelRequested', data: { generationId: 'g1', reason: 'asked' } });
    await chat.delta('g1', 'b');
    await chat.attemptEnded('g1');
    await chat.finalized('g1');
  }

  it('show all fields of a generation', async () => {
    await told();
    const { status, json } = await get('g1');
    expect(status).toBe(200);
    const { events, ...rest } = json as { events: unknown[] };
    expect(rest).toEqual({
      id: 'g1',
      conversation: chat.id,
      message: 'm1',
      user: 'a member',
      provider: 'demo',
      model: 'demo-small',
      modelServed: 'demo-1',
      responseId: null,
      requestId: null,
      params: { temperature: 0 },
      promptSha256: sha256(BODY),
      tokens: { prompt: 3, budget: 10, reserved: 1, limit: 11, estimated: true, encoding: 'o200k_base' },
      usage: { promptTokens: 3, completionTokens: 2, totalTokens: 5 },
      cost: { amount: '0.001', currency: 'USD' },
      ttftMs: 1_000,
      durationMs: 10_000,
      status: 'final',
      finishReason: 'stop',
      attempt: 2,
      regenerates: null,
      lineage: ['g1'],
      error: null,
    });
    expect(cursors({ events })).toEqual([
      '3:0 GenerationRequested',
      '4:0 PromptAssembled',
      '4:1 GenerationClaimed',
      '4:2 AttemptEnded',
      '4:3 GenerationClaimed',
      '4:4 DeltaReceived',
      '4:5 DeltaReceived',
      '5:5 GenerationCancelRequested',
      '5:6 DeltaReceived',
      '5:7 AttemptEnded',
      '6:0 GenerationFinalized',
    ]);
  });

  it('have cursors at which the conversation can be read', async () => {
    await told();
    const { events } = (await get('g1')).json as { events: { cursor: string }[] };
    for (const { cursor } of events) {
      const view = await app.call('GET', `/api/v1/conversations/${chat.id}?at=${cursor}`, { key });
      expect(view).toMatchObject({ status: 200, json: { cursor } });
    }
  });

  it('have null for values that are not known yet', async () => {
    await chat.sent('m1', TEXT);
    await chat.requested('g1', 'm1');
    await app.engines.work.record(
      { generation: 'g1', conversation: chat.id, tenant: 'default', owner: 'ada' },
      'requested',
    );
    const unknown = {
      provider: null,
      model: null,
      promptSha256: null,
      tokens: null,
      usage: null,
      cost: null,
      ttftMs: null,
      durationMs: null,
      finishReason: null,
      attempt: null,
    };
    expect((await get('g1')).json).toMatchObject({ ...unknown, status: 'queued', error: null });
    expect(await refused('g1/request')).toBe('404 not_found');
    expect((await get('g1/deltas')).json).toEqual({ items: [] });
    await chat.assembled('g1', BODY);
    await chat.claimed('g1');
    await chat.delta('g1', 'a');
    expect((await get('g1')).json).toMatchObject({
      status: 'streaming',
      model: 'demo-small',
      attempt: 1,
      ttftMs: 1_000,
      durationMs: null,
      usage: null,
    });
  });

  it('show the lineage of a regenerated answer, and the error of a failed one', async () => {
    await told();
    await chat.requested('g2', 'm1', 'g1');
    await chat.assembled('g2', BODY);
    await chat.claimed('g2');
    const error = { kind: 'provider_error', message: 'No.', providerStatus: 500 };
    await chat.attemptEnded('g2', { outcome: 'failed', finishReason: null, error, usage: null });
    await chat.finalized('g2', { status: 'error', finishReason: null, error, usage: null, cost: null });
    expect((await get('g2')).json).toMatchObject({
      regenerates: 'g1',
      lineage: ['g1', 'g2'],
      status: 'error',
      error,
      usage: null,
      cost: null,
    });
  });

  it('return the exact bytes of the request with their digest', async () => {
    await told();
    const { status, headers, text } = await get('g1/request');
    expect([status, headers['content-type'], text]).toEqual([200, 'application/json', BODY]);
    const digest = createHash('sha256').update(BODY).digest('base64');
    expect(headers['repr-digest']).toBe(`sha-256=:${digest}:`);
    expect(JSON.parse(text)).toEqual({ messages: [{ role: 'user', content: TEXT }] });
  });

  it('return no bytes that differ from the hashed ones', async () => {
    await chat.sent('m1', TEXT);
    await chat.requested('g1', 'm1');
    await chat.assembled('g1', BODY, sha256(`${BODY} `));
    await chat.claimed('g1');
    expect(await refused('g1/request')).toBe('500 record_damaged');
    const answer = await get('g1/request');
    expect(answer.headers).not.toHaveProperty('repr-digest');
    expect(answer.text + app.log.join('')).not.toContain('hé');
    expect((await get('g1')).status).toBe(200);
  });

  it('detect a text that was changed in the log, although it was read before', async () => {
    await told();
    expect((await get('g1/request')).status).toBe(200);
    const { log } = app.engines;
    const readStream = log.readStream.bind(log);
    log.readStream = async function* (...args) {
      for await (const page of readStream(...args)) {
        yield page.map((event) => ({ ...event, data: event.data.replace('say', 'pay') }));
      }
    };
    expect(await refused('g1/request')).toBe('500 record_damaged');
  });

  it('return the deltas of the attempt that counts, with their times', async () => {
    await told();
    expect((await get('g1/deltas')).json).toEqual({
      items: [
        { seq: 0, block: 0, at: '2026-01-01T00:00:07.000Z', text: 'hm', channel: 'reasoning', offsetMs: 1_000 },
        { seq: 1, block: 0, at: '2026-01-01T00:00:08.000Z', text: 'a', channel: 'content', offsetMs: 2_000 },
        { seq: 2, block: 0, at: '2026-01-01T00:00:10.000Z', text: 'b', channel: 'content', offsetMs: 4_000 },
      ],
    });
  });

  it('are readable by the roles that may, and do not exist for others', async () => {
    await told();
    const tenant = (await app.call('POST', '/api/v1/tenants', { body: { name: 'acme' } })).json as { key: string };
    const other = await app.call('POST', '/api/v1/keys', { body: { user: 'other', role: 'member', name: 'k' } });
    const paths = ['g1', 'g1/request', 'g1/deltas'];
    for (const by of [key, app.adminKey, (await app.newKey('auditor')).key]) {
      for (const path of paths) expect((await get(path, by)).status).toBe(200);
    }
    for (const by of [(other.json as { key: string }).key, tenant.key]) {
      for (const path of paths) expect(await refused(path, by)).toBe('404 generation_not_found');
    }
    for (const id of ['nobody', 'm1', 'no.stream', '%00', 'x'.repeat(500)]) {
      for (const part of ['', '/request', '/deltas']) {
        expect([id, await refused(`${id}${part}`)]).toEqual([id, '404 generation_not_found']);
      }
    }
    for (const path of paths) expect(await refused(`${path}?x=1`)).toBe('400 invalid_request');
  });
});
