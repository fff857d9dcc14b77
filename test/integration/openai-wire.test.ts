import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { OpenAI } from 'openai';
import { Connections } from '../../src/adapters/openai/connections.js';
import { OpenAiLanguageModel } from '../../src/adapters/openai/openai-language-model.js';
import { Wire } from '../../src/adapters/openai/wire.js';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { delta, event, type FakeProvider, plainly, reset, startFakeProvider } from '../support/fake-provider.js';
import { askedFor, callOf, outcomeOf } from '../support/model-outputs.js';

let provider: FakeProvider;

beforeEach(async () => {
  provider = await startFakeProvider();
});

afterEach(async () => {
  jest.restoreAllMocks();
  await provider.stop();
});

const modelOfTest = () => new OpenAiLanguageModel({ baseUrl: provider.baseUrl }, systemClock);

interface Prepared {
  method: string;
  body: Uint8Array | string;
}

/** The SDK's own hook into a request that is ready to go: what a faulty version, or a plugin, could do to it. */
function tamperWith(change: (request: Prepared) => void): void {
  const hooks = OpenAI.prototype as unknown as { prepareRequest(request: Prepared): Promise<void> };
  jest.spyOn(hooks, 'prepareRequest').mockImplementation(async (request) => change(request));
}

async function refused(call = askedFor('Hello?')): Promise<void> {
  const { outputs, failure } = await outcomeOf(modelOfTest(), call);
  expect(outputs).toEqual([]);
  expect(failure).toMatchObject({ kind: 'prompt_mismatch', details: { retryable: false } });
  expect(provider.requests).toEqual([]);
  expect(provider.connections()).toBe(0);
}

describe('the wire', () => {
  it('refuses a body that is not the recorded one, and touches no network', async () => {
    await refused({ ...askedFor('Hello?'), body: askedFor('Hello.').body });
    await refused({ ...askedFor('Hello?'), bodySha256: '' });
    await refused({ ...askedFor('Hello?'), bodySha256: askedFor('Hello?').bodySha256.toUpperCase() });
  });

  it.each<[string, (request: Prepared) => void]>([
    ['writes the body anew', (request) => Object.assign(request, { body: JSON.stringify({ seed: 1 }) })],
    [
      'adds to it',
      (request) => Object.assign(request, { body: Buffer.concat([Buffer.from(request.body), Buffer.from(' ')]) }),
    ],
    ['drops it', (request) => Object.assign(request, { body: undefined })],
    ['streams it', (request) => Object.assign(request, { body: new Blob([request.body]).stream(), duplex: 'half' })],
    ['uses another method', (request) => Object.assign(request, { method: 'put' })],
  ])('refuses an SDK that %s', async (_, change) => {
    tamperWith(change);
    await refused(callOf('{ "seed": 1 }'));
  });

  it('accepts the same bytes in another form', async () => {
    tamperWith((request) => Object.assign(request, { body: Buffer.from(request.body).toString() }));
    const call = askedFor('é 👩‍🚀');
    expect((await outcomeOf(modelOfTest(), call)).content).toBe('Hello, world.');
    expect(provider.requests[0]?.body.toString()).toBe(call.body);
  });

  it('goes to one address, once', async () => {
    const call = askedFor('Hello?');
    const endpoint = `${provider.baseUrl}/chat/completions`;
    const wire = new Wire(new Connections(endpoint), call, systemClock);
    const post = { method: 'POST', body: call.body };
    const mismatch = { kind: 'prompt_mismatch' };
    await expect(wire.fetch(`${provider.baseUrl}/models`, post)).rejects.toMatchObject(mismatch);
    await expect(wire.fetch(endpoint.replace('127.0.0.1', 'localhost'), post)).rejects.toMatchObject(mismatch);
    const answer = wire.fetch(endpoint, post);
    await expect(wire.fetch(endpoint, post)).rejects.toMatchObject(mismatch);
    wire.open();
    expect((await answer).status).toBe(200);
    await expect(wire.fetch(endpoint, post)).rejects.toMatchObject(mismatch);
    wire.cut();
    expect(provider.requests).toHaveLength(1);
  });

  it('sends a prepared call when it is made, and not before', async () => {
    const ready = modelOfTest().prepare(askedFor('The first'));
    const model = { prepare: () => ready };
    await outcomeOf(modelOfTest(), askedFor('The second'));
    expect(provider.requests).toHaveLength(1);
    expect((await outcomeOf(model, askedFor('The first'))).content).toBe('Hello, world.');
    expect(provider.requests.map(({ body }) => body.toString())).toEqual(
      ['The second', 'The first'].map((text) => askedFor(text).body),
    );
  });

  it('sends nothing of a call that is discarded', async () => {
    const ready = modelOfTest().prepare(askedFor('Never'));
    ready.discard();
    const { failure } = await outcomeOf({ prepare: () => ready }, askedFor('Never'));
    expect(failure).toMatchObject({ kind: 'network' });
    await outcomeOf(modelOfTest(), askedFor('Hello?'));
    expect(provider.requests).toHaveLength(1);
  });
});

describe('the environment', () => {
  const nonsense = {
    OPENAI_API_KEY: 'sk-of-somebody-else',
    OPENAI_ADMIN_KEY: 'sk-admin-of-somebody-else',
    OPENAI_BASE_URL: 'http://127.0.0.1:1/elsewhere',
    OPENAI_ORG_ID: 'an organization',
    OPENAI_PROJECT_ID: 'a project',
    OPENAI_WEBHOOK_SECRET: 'a secret',
    OPENAI_LOG: 'debug',
    OPENAI_CUSTOM_HEADERS: 'Authorization: Bearer stolen\nX-Custom: 1\nnot a header: at all',
    AWS_BEARER_TOKEN_BEDROCK: 'a token',
    AWS_BEDROCK_BASE_URL: 'http://127.0.0.1:1/elsewhere',
    AWS_REGION: 'nowhere-1',
  };
  const names = Object.keys(nonsense);

  async function headersSent(apiKey?: string) {
    const model = new OpenAiLanguageModel({ apiKey, baseUrl: provider.baseUrl }, systemClock);
    expect((await outcomeOf(model, askedFor('Hello?'))).content).toBe('Hello, world.');
    return provider.requests.at(-1)?.headers;
  }

  it.each([['sk-of-the-test'], [undefined]])('has no influence, with the key %s', async (apiKey) => {
    const before = names.map((name) => [name, process.env[name]] as const);
    for (const name of names) delete process.env[name];
    const plain = await headersSent(apiKey);
    Object.assign(process.env, nonsense);
    try {
      expect(await headersSent(apiKey)).toEqual(plain);
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });
});

it('writes nothing to the console, whatever comes', async () => {
  const written: unknown[] = [];
  const note = (...args: unknown[]) => written.push(args) > 0;
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    jest.spyOn(console, method).mockImplementation(note);
  }
  jest.spyOn(process.stdout, 'write').mockImplementation(note);
  jest.spyOn(process.stderr, 'write').mockImplementation(note);
  const scripts = [
    [delta('a')],
    [delta('a'), event('garbage')],
    [event({ error: { message: 'Overloaded' } })],
    [delta('a'), reset],
    plainly(429, '{'),
    plainly(200, '{}'),
  ];
  for (const script of scripts) {
    provider.script = script;
    expect((await outcomeOf(modelOfTest(), askedFor('Hello?'))).failure).toBeDefined();
  }
  await outcomeOf(modelOfTest(), { ...askedFor('Hello?'), bodySha256: 'x' });
  jest.restoreAllMocks();
  expect(written).toEqual([]);
});
