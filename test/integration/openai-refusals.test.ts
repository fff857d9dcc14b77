import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OpenAiLanguageModel } from '../../src/adapters/openai/openai-language-model.js';
import { limits } from '../../src/limits.js';
import {
  answer,
  type FakeProvider,
  head,
  plainly,
  reset,
  type Script,
  send,
  stall,
  startFakeProvider,
} from '../support/fake-provider.js';
import { askedFor, outcomeOf } from '../support/model-outputs.js';

const NOW = Date.parse('2026-01-02T03:04:05.000Z');
const KEY = 'sk-of-the-test';

let provider: FakeProvider;
const modelAt = (baseUrl: string) => new OpenAiLanguageModel({ apiKey: KEY, baseUrl }, { now: () => NOW });

beforeEach(async () => {
  provider = await startFakeProvider();
});

afterEach(async () => {
  await provider.stop();
});

async function failureOfScript(script: Script) {
  provider.script = script;
  const { outputs, failure } = await outcomeOf(modelAt(provider.baseUrl), askedFor('Hello?'));
  expect(outputs).toEqual([]);
  return failure && { kind: failure.kind, message: failure.message, ...failure.details };
}

const errorBody = (message: string) => JSON.stringify({ error: { message, type: 'some_error', code: null } });

describe('a refusal by status', () => {
  it.each([
    [400, false],
    [401, false],
    [404, false],
    [408, false],
    [409, false],
    [500, true],
    [502, true],
    [503, true],
    [529, true],
  ])('%i', async (providerStatus, retryable) => {
    expect(await failureOfScript(plainly(providerStatus, errorBody('In my own words')))).toEqual({
      kind: 'provider_error',
      message: 'In my own words',
      providerStatus,
      retryable,
    });
    expect(provider.requests).toHaveLength(1);
  });

  it.each([
    ['{"message":"no such model"}', 'no such model'],
    ['{"error":"no such model"}', 'no such model'],
    ['{"detail":[{"loc":["body"]}]}', '[{"loc":["body"]}]'],
    ['{"error":{"code":7}}', '{"code":7}'],
    ['<h1>Bad gateway</h1>\n', '<h1>Bad gateway</h1>'],
    ['{"broken', '{"broken'],
    ['', 'The provider answered with HTTP 400'],
    [errorBody(`The key ${KEY} is not known`), 'The key [key] is not known'],
  ])('quotes %j', async (body, message) => {
    expect(await failureOfScript(plainly(400, body))).toMatchObject({ message });
  });

  it('quotes no more than the bound, of a body without an end too', async () => {
    const most = limits.providerWordsCharactersMax;
    const long = await failureOfScript(plainly(500, errorBody(`${'x'.repeat(most - 1)}🚀`)));
    expect(long?.message).toBe('x'.repeat(most - 1));
    const endless = await failureOfScript([head(500), send('x'.repeat(limits.providerErrorBytesMax)), stall]);
    expect(endless).toMatchObject({ kind: 'provider_error', message: 'x'.repeat(most), providerStatus: 500 });
  });

  it('keeps the status when its body breaks off', async () => {
    expect(await failureOfScript([head(503), send('We are restar'), reset])).toMatchObject({
      message: 'We are restar',
      providerStatus: 503,
      retryable: true,
    });
  });

  it.each([301, 302, 307, 308])('%i is never followed', async (status) => {
    const elsewhere = await startFakeProvider();
    const failure = await failureOfScript([head(status, { location: `${elsewhere.baseUrl}/chat/completions` })]);
    expect(failure).toMatchObject({ kind: 'provider_error', providerStatus: status, retryable: false });
    expect(elsewhere.requests).toEqual([]);
    await elsewhere.stop();
  });
});

describe('a rate limit', () => {
  it.each<[Record<string, string>, number | undefined]>([
    [{}, undefined],
    [{ 'retry-after': '2' }, 2_000],
    [{ 'retry-after': '0.25' }, 250],
    [{ 'retry-after': 'Fri, 02 Jan 2026 03:04:35 GMT' }, 30_000],
    [{ 'retry-after': 'Fri, 02 Jan 2026 03:04:00 GMT' }, 0],
    [{ 'retry-after': '2', 'retry-after-ms': '120' }, 120],
    [{ 'retry-after': '9'.repeat(400) }, Number.MAX_SAFE_INTEGER],
    [{ 'retry-after': '-1' }, undefined],
    [{ 'retry-after': 'a while' }, undefined],
  ])('with %j', async (headers, retryAfterMs) => {
    expect(await failureOfScript(plainly(429, errorBody('Slow down'), headers))).toEqual({
      kind: 'rate_limited',
      message: 'Slow down',
      providerStatus: 429,
      retryable: true,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
  });

  it('of a server that is too busy says when to come back', async () => {
    expect(await failureOfScript(plainly(503, '', { 'retry-after': '3' }))).toMatchObject({ retryAfterMs: 3_000 });
  });
});

describe('200 without a stream', () => {
  it('is an error in the words of its body', async () => {
    expect(await failureOfScript(plainly(200, errorBody('No credit left')))).toMatchObject({
      kind: 'provider_error',
      message: 'No credit left',
      retryable: false,
    });
  });

  it('is an error when it holds the whole answer', async () => {
    const message = { role: 'assistant', content: 'Hello' };
    const completion = {
      model: 'm-1',
      choices: [{ index: 0, message, finish_reason: 'stop' }],
      usage: { total_tokens: 9 },
    };
    expect(await failureOfScript(plainly(200, JSON.stringify(completion)))).toMatchObject({
      kind: 'provider_error',
      message: 'The provider answered without a stream (application/json)',
      retryable: false,
      usage: { total: 9 },
      usageRaw: { total_tokens: 9 },
      modelServed: 'm-1',
    });
  });

  it.each<Record<string, string>>([
    { 'content-type': 'text/html' },
    { 'content-type': 'text/event-stream', 'content-encoding': 'br' },
  ])('or with %j is an error', async (headers) => {
    expect(await failureOfScript([head(200, headers), ...answer(['a'])])).toMatchObject({ kind: 'provider_error' });
  });
});

describe('no answer', () => {
  const brief = { kind: 'network', retryable: true };

  it('from a port without a listener', async () => {
    const { baseUrl } = provider;
    await provider.stop();
    const { failure } = await outcomeOf(modelAt(baseUrl), askedFor('Hello?'));
    expect(failure).toMatchObject({ kind: 'network', message: expect.stringContaining('ECONNREFUSED') });
    expect(failure?.details).toEqual({ retryable: true });
    provider = await startFakeProvider();
  });

  it('from a name that does not exist', async () => {
    const { failure } = await outcomeOf(modelAt('http://nobody.invalid/v1'), askedFor('Hello?'));
    expect(failure).toMatchObject({ kind: 'network', details: { retryable: true } });
  });

  it('but a reset, on a new connection and on one that has served before', async () => {
    expect(await failureOfScript([reset])).toMatchObject(brief);
    const model = modelAt(provider.baseUrl);
    const served = new Set<unknown>();
    provider.script = [({ socket }) => void served.add(socket), ...answer(['a'])];
    await outcomeOf(model, askedFor('Hello?'));
    provider.script = [({ socket }) => void served.add(socket), reset];
    expect((await outcomeOf(model, askedFor('Hello?'))).failure).toMatchObject({ details: { retryable: true } });
    expect(served.size).toBe(1);
  });

  it('but the beginning of one', async () => {
    const cutShort = await failureOfScript([
      ({ socket }) => void socket.write('HTTP/1.1 200 O', () => socket.resetAndDestroy()),
      stall,
    ]);
    expect(cutShort).toMatchObject({ kind: 'network', retryable: false });
  });

  it('but something that is not HTTP', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {}).resume();
      socket.end('220 mail.example.org ESMTP\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { failure } = await outcomeOf(modelAt(`http://127.0.0.1:${portOf(server)}`), askedFor('Hello?'));
    expect(failure).toMatchObject({ kind: 'provider_error', details: { retryable: false } });
    await new Promise((resolve) => server.close(resolve));
  });
});

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}
