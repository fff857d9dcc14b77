import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OpenAiLanguageModel } from '../../src/adapters/openai/openai-language-model.js';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { limits } from '../../src/limits.js';
import { answer, type FakeProvider, head, reset, startFakeProvider } from '../support/fake-provider.js';
import { askedFor, atOnce, outcomeOf } from '../support/model-outputs.js';
import { until } from '../support/until.js';

let provider: FakeProvider;
let model: OpenAiLanguageModel;

async function start(options = {}): Promise<void> {
  provider = await startFakeProvider(options);
  model = new OpenAiLanguageModel({ baseUrl: provider.baseUrl }, systemClock);
}

beforeEach(() => start());

afterEach(async () => {
  model.close();
  await provider.stop();
});

async function ask(text: string): Promise<void> {
  expect((await outcomeOf(model, askedFor(text))).content).toBe('Hello, world.');
}

/** A call that is ready, and whose connection is open. */
async function held() {
  const before = provider.accepted();
  const ready = model.prepare(askedFor('Hello?'));
  await until(() => provider.accepted() > before);
  return ready;
}

const make = (ready: Awaited<ReturnType<typeof held>>) => outcomeOf({ prepare: () => ready }, askedFor('Hello?'));

describe('a connection without a call', () => {
  it('serves a call that comes more than five seconds later', async () => {
    await provider.stop();
    await start({ keepAliveMs: 0 });
    await ask('The first');
    const answered = performance.now();
    await until(() => performance.now() - answered > 5_500 || provider.connections() === 0, 10_000);
    await ask('The second');
    expect(provider.accepted()).toBe(1);
  });

  it.each([
    ['is closed a second before the time that the provider names in Keep-Alive', 'timeout=2'],
    ['is closed at once when the provider names no more than a second', 'timeout=1, max=100'],
  ])('%s', async (_, hint) => {
    await provider.stop();
    await start({ keepAliveMs: 0 });
    provider.script = [
      head(200, { 'content-type': 'text/event-stream', 'keep-alive': hint }),
      ...answer(['Hello, world.']),
    ];
    await ask('The first');
    await until(() => provider.connections() === 0);
    await ask('The second');
    expect(provider.accepted()).toBe(2);
  });

  it('is closed when the process stops', async () => {
    await ask('The first');
    expect(provider.connections()).toBe(1);
    model.close();
    await until(() => provider.connections() === 0);
  });

  it('is replaced when the provider has closed it', async () => {
    await ask('The first');
    provider.hangUp();
    await until(() => provider.connections() === 0);
    await ask('The second');
    expect(provider.accepted()).toBe(2);
  });
});

describe('a connection that is held for a call', () => {
  it('is open before the call is made, and carries it', async () => {
    const ready = await held();
    expect(provider.requests).toEqual([]);
    expect((await make(ready)).content).toBe('Hello, world.');
    expect(provider.accepted()).toBe(1);
  });

  it('is the one that served the last call', async () => {
    await ask('The first');
    const ready = model.prepare(askedFor('Hello?'));
    await ask('Another connection is needed beside it');
    expect(provider.accepted()).toBe(2);
    expect((await make(ready)).content).toBe('Hello, world.');
    expect(provider.accepted()).toBe(2);
  });

  it('is replaced when the provider has closed it meanwhile, since nothing was sent', async () => {
    const ready = await held();
    provider.hangUp();
    await until(() => provider.connections() === 0);
    expect((await make(ready)).content).toBe('Hello, world.');
    expect([provider.accepted(), provider.requests.length]).toEqual([2, 1]);
  });

  it('is replaced when it was held for so long that the provider may be about to close it', async () => {
    const ready = await held();
    const since = performance.now();
    await until(() => performance.now() - since > limits.providerHoldMs);
    expect((await make(ready)).content).toBe('Hello, world.');
    expect([provider.accepted(), provider.requests.length]).toEqual([2, 1]);
    await until(() => provider.connections() === 1);
  });

  it('is closed with nothing sent when the call is discarded', async () => {
    (await held()).discard();
    await until(() => provider.connections() === 0);
    expect(provider.requests).toEqual([]);
  });

  it('is closed with nothing sent when the call was aborted before it was made', async () => {
    const ready = await held();
    const outputs = ready.stream(AbortSignal.abort(), atOnce);
    for await (const _ of outputs) throw new Error('an output of an aborted call');
    await until(() => provider.connections() === 0);
    expect(provider.requests).toEqual([]);
  });
});

it('a call that was sent on a connection that served before is never sent again', async () => {
  await ask('The first');
  provider.script = [reset];
  const { failure } = await outcomeOf(model, askedFor('The second'));
  expect(failure).toMatchObject({ kind: 'network', details: { retryable: true } });
  expect([provider.accepted(), provider.requests.length]).toEqual([1, 2]);
});

it('a call to an https address speaks TLS', async () => {
  const firsts: (number | undefined)[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (bytes) => {
      firsts.push(bytes[0]);
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const secure = new OpenAiLanguageModel({ baseUrl: `https://127.0.0.1:${port}/v1` }, systemClock);
  expect((await outcomeOf(secure, askedFor('Hello?'))).failure?.kind).toBe('network');
  const HANDSHAKE = 0x16;
  // The connection that is made ready, and the one that replaces it.
  expect(new Set(firsts)).toEqual(new Set([HANDSHAKE]));
  secure.close();
  await new Promise((resolve) => server.close(resolve));
});
