import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OpenAiLanguageModel } from '../../src/adapters/openai/openai-language-model.js';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import type { Engines } from '../../src/app/engines.js';
import type { PriceList } from '../../src/domain/prices.js';
import { CONVERSATIONS, type Turn } from '../support/chat.js';
import {
  delta,
  done,
  type FakeProvider,
  finish,
  head,
  MODEL_SERVED,
  plainly,
  type Script,
  startFakeProvider,
  usage,
} from '../support/fake-provider.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { memoryEngines } from '../support/memory-engines.js';
import { SseClient } from '../support/sse-client.js';
import { until } from '../support/until.js';

const MODEL = MODEL_SERVED.replace('-2026-01-02', '');
const OLD: PriceList = {
  date: '2026-01-01',
  currency: 'USD',
  models: {
    [MODEL]: { inputPerMillion: '2.50', cachedInputPerMillion: '1.25', outputPerMillion: '10.00' },
    asked: { inputPerMillion: '100', outputPerMillion: '100' },
  },
};
const NEW: PriceList = {
  date: '2026-02-01',
  currency: 'EUR',
  models: { [MODEL]: { inputPerMillion: '1', outputPerMillion: '3' } },
};

const reporting = (tokens: Record<string, unknown>): Script => [delta('Hi'), finish(), usage(tokens), done];
const USAGE = { prompt_tokens: 1_000, completion_tokens: 7, prompt_tokens_details: { cached_tokens: 400 } };
const BY_OLD = { amount: '0.00207', currency: 'USD' };
const BY_NEW = { amount: '0.001021', currency: 'EUR' };

let provider: FakeProvider;
let engines: Engines;
let app: HttpApp;
let key: string;

/** Another start on the same log. */
async function start(prices: PriceList): Promise<void> {
  const environment = { OPENAI_BASE_URL: provider.baseUrl, VERBATIM_MODEL: 'asked' };
  app = await startHttpApp({ ...engines, prices }, environment);
}

beforeEach(async () => {
  provider = await startFakeProvider();
  provider.script = reporting(USAGE);
  const openai = new OpenAiLanguageModel({ baseUrl: provider.baseUrl }, systemClock);
  const base = memoryEngines();
  engines = { ...base, models: new Map([...base.models, ['openai', openai]]) };
  await start(OLD);
  key = app.adminKey;
});
afterEach(async () => {
  await app.close();
  await provider.stop();
});

// biome-ignore lint/suspicious/noExplicitAny: whatever the server says, for the test to judge
async function ask(method: 'GET' | 'POST', url: string, body?: object): Promise<any> {
  const { status, text, json } = await app.call(method, url, { key, body });
  if (status >= 300) throw new Error(`${method} ${url}: ${text}`);
  return json;
}

const run = (generation: string) => ask('GET', `/api/v1/runs/${generation}`);
const nodeOf = async (conversation: string, generation: string) =>
  (await ask('GET', `${CONVERSATIONS}/${conversation}`)).tree.find(({ id }: { id: string }) => id === generation);

/** A message in a new conversation, once it is answered. */
async function answered(body: object = {}): Promise<{ conversation: string; generation: string }> {
  const { id: conversation } = await ask('POST', CONVERSATIONS, {});
  const turn: Turn = await ask('POST', `${CONVERSATIONS}/${conversation}/messages`, { content: 'Hello?', ...body });
  const generation = turn.generationId;
  await until(async () => ['final', 'error'].includes((await run(generation)).status));
  return { conversation, generation };
}

/** What the feed tells of the end of an answer. */
async function toldEnd(conversation: string) {
  await app.app.listen(0, '127.0.0.1');
  const url = `${await app.app.getUrl()}${CONVERSATIONS}/${conversation}/events?after=0:0`;
  const feed = await SseClient.open(url, { authorization: `Bearer ${key}` });
  try {
    const end = () => feed.events.find(({ event }) => event === 'generation-finalized');
    await until(() => end() !== undefined);
    return end()?.data;
  } finally {
    feed.leave();
  }
}

describe('the cost of a turn over HTTP', () => {
  it('is its usage at the price of the model that answered, at every place that shows the turn', async () => {
    const { conversation, generation } = await answered();
    expect(await run(generation)).toMatchObject({ model: 'asked', modelServed: MODEL_SERVED, cost: BY_OLD });
    expect(await nodeOf(conversation, generation)).toMatchObject({ usage: { promptTokens: 1_000 }, cost: BY_OLD });
    expect(await toldEnd(conversation)).toMatchObject({ generationId: generation, cost: BY_OLD });
  });

  it('stays what it was when prices change, and the change counts from the next turn on', async () => {
    const before = await answered();
    await app.close();
    await start(NEW);
    const after = await answered();
    expect((await run(before.generation)).cost).toEqual(BY_OLD);
    expect((await nodeOf(before.conversation, before.generation)).cost).toEqual(BY_OLD);
    expect((await run(after.generation)).cost).toEqual(BY_NEW);
    expect(await toldEnd(before.conversation)).toMatchObject({ cost: BY_OLD });
  });

  it('is the cost of the attempt that counts', async () => {
    const refusal = plainly(503, '{"error":{"message":"Later."}}', { 'retry-after': '0' });
    provider.script = () => (provider.requests.length > 1 ? reporting(USAGE) : refusal);
    const { generation } = await answered();
    expect(await run(generation)).toMatchObject({ attempt: 2, cost: BY_OLD });
  });

  it('is unknown without usage, without an answer, and for the demo model', async () => {
    provider.script = [delta('Hi'), finish(), done];
    expect(await run((await answered()).generation)).toMatchObject({ status: 'final', usage: null, cost: null });
    provider.script = [head(400)];
    expect(await run((await answered()).generation)).toMatchObject({ status: 'error', cost: null });
    const demo = await answered({ provider: 'demo', model: MODEL });
    expect(await run(demo.generation)).toMatchObject({ status: 'final', usage: expect.anything(), cost: null });
  });
});

describe('the estimated cost of a preview', () => {
  const preview = async (body: object) => {
    const { id } = await ask('POST', CONVERSATIONS, {});
    return ask('POST', `${CONVERSATIONS}/${id}/preview`, { content: 'Hello?', ...body });
  };

  it('is the cost of the prompt and of an answer of the reserved length', async () => {
    const { tokens, estimatedCost } = await preview({ model: MODEL, params: { max_tokens: 100 } });
    expect(tokens).toMatchObject({ prompt: expect.any(Number), reserved: 100, estimated: true });
    const nanos = tokens.prompt * 2_500 + 100 * 10_000;
    expect(estimatedCost).toEqual({ amount: expect.stringMatching(/^0\.00\d+[1-9]$/), currency: 'USD' });
    expect(Math.round(Number(estimatedCost.amount) * 1e9)).toBe(nanos);
  });

  it.each([{ model: 'unheard-of' }, { model: MODEL, provider: 'demo' }])('is unknown for %j', async (body) => {
    expect((await preview(body)).estimatedCost).toBeNull();
  });

  it('is in the preview of a refused prompt that has changed', async () => {
    const { id } = await ask('POST', CONVERSATIONS, {});
    const body = { content: 'Hello?', model: MODEL, expectPrompt: 'a'.repeat(64) };
    const { status, json } = await app.call('POST', `${CONVERSATIONS}/${id}/messages`, { key, body });
    expect(status).toBe(409);
    const { estimatedCost } = await ask('POST', `${CONVERSATIONS}/${id}/preview`, { content: 'Hello?', model: MODEL });
    expect(json).toMatchObject({ preview: { estimatedCost } });
    expect(estimatedCost).not.toBeNull();
  });
});
