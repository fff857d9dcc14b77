import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { projections } from '../../src/projections/all.js';
import { type Chat, HOLD, startChat, type Turn } from '../support/chat.js';
import { samplesIn } from '../support/exposition.js';
import { newDelta } from '../support/new-events.js';
import { SseClient } from '../support/sse-client.js';
import { until } from '../support/until.js';

let chat: Chat;
beforeEach(async () => {
  chat = await startChat();
});
afterEach(() => chat.close());

const scrape = async () => (await chat.call('GET', '/metrics', { key: null })).text;
const samples = async () => samplesIn(await scrape());
const sample = async (name: string) => (await samples()).get(name) ?? 0;

describe('the metrics of a process', () => {
  it('need no key, and are a text in the format of Prometheus', async () => {
    const { status, headers, text } = await chat.call('GET', '/metrics', { key: null });
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    for (const [, name] of text.matchAll(/^# TYPE (\S+) /gm)) expect(text).toContain(`# HELP ${name} `);
    expect(samplesIn(text).size).toBeGreaterThan(50);
  });

  it('count the ends of generations, their tokens and their times', async () => {
    const id = await chat.started();
    await chat.done(id, { content: 'one' });
    await chat.done(id, { content: 'two' });
    expect(Object.fromEntries(await samples())).toMatchObject({
      'generations_total{status="final"}': 2,
      // The model says how many messages it was given, and nothing of its answer.
      'chat_tokens_total{kind="prompt",model="demo"}': 4,
      chat_generation_ttft_seconds_count: 2,
      chat_generation_duration_seconds_count: 2,
      generations_open: 0,
    });
    expect((await scrape()).includes('kind="completion"')).toBe(false);
  });

  it('count whatever ends, by whichever command, once', async () => {
    const id = await chat.started();
    const held = await chat.sent(id, { content: HOLD });
    await chat.firstWord(held.generationId);
    expect(await sample('generations_open')).toBe(1);
    const waiting = await chat.sent(id, { content: 'wait', whenBusy: 'enqueue' });
    for (const { generationId } of [waiting, waiting, held])
      await chat.post(`${id}/generations/${generationId}/cancel`);
    await chat.ended(id, held.generationId);
    await until(async () => (await sample('generations_open')) === 0);
    expect(Object.fromEntries(await samples())).toMatchObject({
      'generations_total{status="cancelled"}': 2,
      // For the one that waited, no model was called.
      chat_generation_duration_seconds_count: 1,
      chat_generation_ttft_seconds_count: 1,
    });
  });

  it('count an answer to a repeated request once', async () => {
    const id = await chat.started();
    const options = { headers: { 'idempotency-key': 'k' } };
    const asked = [1, 2, 3].map(() => chat.post(`${id}/messages`, { content: 'Hi' }, options));
    const turns = (await Promise.all(asked)).map(({ json }) => json as Turn);
    for (const { generationId } of turns) await chat.ended(id, generationId);
    expect(await sample('generations_total{status="final"}')).toBe(1);
  });

  it('count the clients of streams while they are there', async () => {
    const id = await chat.started();
    await chat.app.listen(0, '127.0.0.1');
    const url = `${await chat.app.getUrl()}/api/v1/conversations/${id}/events`;
    const clients = [1, 2].map(() => SseClient.open(url, { authorization: `Bearer ${chat.adminKey}` }));
    await until(async () => (await sample('sse_clients')) === 2);
    for (const client of await Promise.all(clients)) client.leave();
    await until(async () => (await sample('sse_clients')) === 0);
  });

  it('time requests by route and status, without a series for made-up paths', async () => {
    for (let nth = 0; nth < 20; nth++) {
      await chat.call('GET', `/api/v1/runs/made-up-${nth}`);
      await chat.call('GET', `/made/up/${nth}`);
      await chat.call('GET', `/api/v1/%E0%A4%${nth}`, { key: null });
    }
    const counts = [...(await samples())].filter(([name]) => name.startsWith('http_request_duration_seconds_count'));
    expect(Object.fromEntries(counts)).toEqual({
      'http_request_duration_seconds_count{method="GET",route="/api/v1/runs/:generationId",status="404"}': 20,
      'http_request_duration_seconds_count{method="GET",route="none",status="404"}': 20,
      'http_request_duration_seconds_count{method="GET",route="none",status="400"}': 20,
    });
  });

  it('have the lag of each view, and its parked streams', async () => {
    const text = await scrape();
    for (const { name } of projections) {
      expect(text).toMatch(new RegExp(`projection_lag_events\\{projection="${name}"\\} \\d+`));
      expect(text).toMatch(new RegExp(`projection_lag_seconds\\{projection="${name}"\\} [\\d.]+`));
      expect(text).toContain(`projection_parked_streams{projection="${name}"} 0`);
      expect(text).toContain(`projection_stopped{projection="${name}"} 0`);
    }
  });

  it('have the lag of the subscriptions, and show a stopped one', async () => {
    const lag = (name: string) => sample(`subscription_lag_events{subscription="${name}"}`);
    await until(async () => (await samples()).has('subscription_lag_seconds{subscription="work"}'));
    const id = await chat.started();
    await chat.done(id, { content: 'one' });
    await until(async () => (await lag('work')) === 0 && (await lag('keys')) === 0);
    expect(Object.fromEntries(await samples())).toMatchObject({
      'subscription_lag_seconds{subscription="work"}': 0,
      'subscription_poisoned{subscription="work"}': 0,
      'subscription_poisoned{subscription="keys"}': 0,
    });
    const broken = { ...newDelta(), type: 'ApiKeyIssued', data: '{"broken":true}' };
    await chat.append('tenant-default', [broken]);
    await until(async () => (await lag('keys')) === 1);
    expect(await sample('subscription_lag_seconds{subscription="keys"}')).toBeGreaterThan(0);
    await until(async () => (await sample('subscription_poisoned{subscription="keys"}')) === 1);
    expect(await sample('subscription_poisoned{subscription="work"}')).toBe(0);
  });

  it('hold no texts and no names of users', async () => {
    const secret = 'hidden-text';
    const { json } = await chat.call('POST', '/api/v1/tenants', { body: { name: secret } });
    const { key } = json as { key: string };
    const id = await chat.started({ title: secret, system: secret }, { key });
    await chat.call('GET', `/api/v1/me?x=${secret}`, { key });
    const sent = await chat.post(`${id}/messages`, { content: secret }, { key });
    await chat.ended(id, (sent.json as Turn).generationId);
    const text = await scrape();
    expect(text).toContain('generations_total{status="final"} 1');
    for (const said of [secret, id, key, 'admin', 'default', 'answer to']) expect(text).not.toContain(said);
  });
});
