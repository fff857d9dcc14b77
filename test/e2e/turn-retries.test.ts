import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ApiAnswer } from '../support/api-client.js';
import { LiveProduct } from '../support/live-product.js';
import { held } from '../support/played-provider.js';
import type { SseClient } from '../support/sse-client.js';
import { until } from '../support/until.js';

let live: LiveProduct;
beforeAll(async () => {
  live = await LiveProduct.start();
});
afterAll(() => live.stop());

const keyed = () => ({ 'idempotency-key': randomUUID() });
const told = ({ status, json }: ApiAnswer) => [status, json];
const tokens = ({ events }: SseClient) => events.map(({ data }) => data.token ?? '').join('');
const last = ({ events }: SseClient) => events.at(-1)?.data;

describe('a request that comes again with its key', () => {
  it('acts once when 20 come at once, on every route', async () => {
    const chat = await live.chat();
    const first = await chat.say('many before');
    const routes = [
      [chat.path('messages'), { content: 'many at once' }, 3],
      [chat.path(`messages/${first.messageId}/edit`), { content: 'many edits' }, 3],
      [chat.path(`generations/${first.generationId}/regenerate`), {}, 2],
      [chat.path('messages'), { content: 'many notes', kind: 'note' }, 1],
      ['/conversations', { title: 'many starts' }, 1],
    ] as const;
    for (const [path, body, events] of routes) {
      const before = await live.eventCount();
      const calls = live.provider.received().length;
      const headers = keyed();
      const ask = () => chat.by.call('POST', path, body, headers);
      const answers = (await Promise.all(Array.from({ length: 20 }, ask))).map(told);
      expect(answers).toEqual(Array(20).fill(answers[0]));
      expect(Math.floor(Number(answers[0]?.[0]) / 100)).toBe(2);
      const { generationId } = answers[0]?.[1] ?? {};
      if (generationId) await chat.ended({ generationId });
      const tape = generationId ? (await chat.run({ generationId })).events : [];
      const beside = tape.filter(({ type }: { type: string }) => !/Requested|Assembled/.test(type)).length;
      expect((await live.eventCount()) - before).toBe(events + beside);
      expect(live.provider.received().length - calls).toBe(generationId ? 1 : 0);
      expect(told(await ask())).toEqual(answers[0]);
    }
  });

  it('with Accept: text/event-stream gets the stream of the turn again, during the turn and after its end', async () => {
    const chat = await live.chat();
    const { script, letGo } = held('the first half', ', the second');
    live.provider.play('stream again', script);
    const headers = keyed();
    const ask = () => chat.by.stream('POST', chat.path('messages'), { content: 'stream again' }, headers);
    const first = await ask();
    await until(() => tokens(first) === 'the first half');
    const beside = await ask();
    await until(() => tokens(beside) === 'the first half');
    first.leave();
    letGo();
    await until(() => beside.isClosed);
    const after = await ask();
    await until(() => after.isClosed);
    for (const stream of [beside, after]) {
      expect(stream.response.headers['verbatim-generation-id']).toBe(first.response.headers['verbatim-generation-id']);
      expect(stream.response.headers['verbatim-message-id']).toBe(first.response.headers['verbatim-message-id']);
      expect(tokens(stream)).toBe('the first half, the second');
      expect(last(stream)).toEqual({ done: true, full_response: 'the first half, the second', status: 'final' });
    }
    expect(live.provider.calls('stream again')).toHaveLength(1);
    expect((await chat.post('messages', { content: 'stream again' }, headers)).json.generationId).toBe(
      first.response.headers['verbatim-generation-id'],
    );
  });

  it('gets its first answer after its turn was cancelled, and so does the cancel', async () => {
    const chat = await live.chat();
    const { script } = held('a little', ' more');
    live.provider.play('cancelled again', script);
    const [send, stop] = [keyed(), keyed()];
    const ask = () => chat.post('messages', { content: 'cancelled again' }, send);
    const first = await ask();
    await chat.saying(first.json, 'a little');
    const cancel = () => chat.post(`generations/${first.json.generationId}/cancel`, {}, stop);
    const cancelled = told(await cancel());
    expect(await chat.ended(first.json)).toMatchObject({ status: 'cancelled', text: 'a little' });
    const before = await live.eventCount();
    expect(told(await cancel())).toEqual(cancelled);
    expect(told(await ask())).toEqual(told(first));
    expect(await live.eventCount()).toBe(before);
  });

  it('is refused if it is another request, in this conversation and in any other', async () => {
    const chat = await live.chat();
    const elsewhere = await live.chat({}, chat.by);
    const headers = keyed();
    const body = { content: 'only this' };
    const first = await chat.post('messages', body, headers);
    await chat.ended(first.json);
    const { generationId, messageId } = first.json;
    const before = await live.eventCount();
    const others = await Promise.all([
      chat.post('messages', { content: 'only that' }, headers),
      chat.post('messages', { ...body, kind: 'note' }, headers),
      elsewhere.post('messages', body, headers),
      chat.post(`messages/${messageId}/edit`, body, headers),
      chat.post(`generations/${generationId}/regenerate`, {}, headers),
      chat.post(`generations/${generationId}/cancel`, {}, headers),
      chat.by.call('POST', '/conversations', {}, headers),
    ]);
    expect(others.map(({ status, json }) => `${status} ${json.code}`)).toEqual(
      Array(others.length).fill('422 idempotency_key_reused'),
    );
    expect(await live.eventCount()).toBe(before);
    const stranger = await live.chat();
    expect((await stranger.post('messages', { content: 'only mine' }, headers)).status).toBe(202);
    await until(async () => (await stranger.view()).status === 'idle');
  });

  it('gets the stream of its turn, also if the stream was refused the first time', async () => {
    const chat = await live.chat();
    const headers = keyed();
    const wrong = await chat.by.call(
      'POST',
      chat.path('messages'),
      { content: '' },
      { ...headers, accept: 'text/event-stream' },
    );
    expect([wrong.status, wrong.json.code]).toEqual([422, 'content_empty']);
    const right = await chat.by.stream('POST', chat.path('messages'), { content: 'not empty' }, headers);
    await until(() => right.isClosed);
    expect(last(right)).toEqual({ done: true, full_response: 'answer to 1', status: 'final' });
  });
});

it('has kept every promise', async () => {
  expect(await live.breaches()).toEqual([]);
});
