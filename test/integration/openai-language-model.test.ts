import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { OpenAiLanguageModel } from '../../src/adapters/openai/openai-language-model.js';
import { limits } from '../../src/limits.js';
import type { LanguageModel } from '../../src/ports/language-model.js';
import { anyCharacter } from '../support/any-character.js';
import {
  answer,
  chunk,
  delta,
  deltas,
  done,
  event,
  type FakeProvider,
  finish,
  hangUp,
  head,
  MODEL_SERVED,
  reasoning,
  reset,
  type Script,
  send,
  sendHead,
  stall,
  startFakeProvider,
  usage,
  usageOf,
} from '../support/fake-provider.js';
import { askedFor, callOf, outcomeOf } from '../support/model-outputs.js';

const NOW = Date.parse('2026-01-02T03:04:05.000Z');

let provider: FakeProvider;
let model: LanguageModel;

beforeEach(async () => {
  provider = await startFakeProvider();
  model = new OpenAiLanguageModel({ apiKey: 'sk-of-the-test', baseUrl: provider.baseUrl }, { now: () => NOW });
});

afterEach(async () => {
  await provider.stop();
});

async function outcomeOfScript(script: Script) {
  provider.script = script;
  return outcomeOf(model, askedFor('Hello?'));
}

const completed = (content: string, texts: readonly string[] = [content]) => ({
  content,
  failure: undefined,
  finished: {
    type: 'finished',
    finishReason: 'stop',
    modelServed: MODEL_SERVED,
    usage: { input: 7, output: texts.length, total: 7 + texts.length },
    usageRaw: usageOf(texts),
  },
});

const failed = (kind: string, message: unknown, details: Record<string, unknown>) =>
  expect.objectContaining({ kind, message, details: expect.objectContaining(details) });

describe('the request', () => {
  it('is one POST with the exact bytes, whatever a serializer would have made of them', async () => {
    const body =
      '{ "model":"m", "stream":true,\n "seed":1.0, "2":0, "1":0, "messages":[{"content":"\\u00e9 é \\/ 👩‍🚀","role":"user"}] }';
    await outcomeOf(model, callOf(body));
    expect(provider.requests.map(({ body, ...request }) => ({ ...request, body: body.toString() }))).toEqual([
      expect.objectContaining({ method: 'POST', path: '/v1/chat/completions', body }),
    ]);
    expect(provider.requests[0]?.headers).toMatchObject({
      authorization: 'Bearer sk-of-the-test',
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      accept: 'text/event-stream',
    });
  });

  it.each([['/'], ['//']])('goes to the same place when the base URL ends with %s', async (slashes) => {
    model = new OpenAiLanguageModel({ baseUrl: provider.baseUrl + slashes }, { now: () => NOW });
    expect((await outcomeOf(model, askedFor('Hello?'))).content).toBe('Hello, world.');
    expect(provider.requests[0]?.path).toBe('/v1/chat/completions');
  });
});

describe('an answer', () => {
  it('has content, reasoning, and the finish reason of the provider', async () => {
    const tokens = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, prompt_tokens_details: { cached: 1 } };
    const { outputs, failure } = await outcomeOfScript([
      reasoning('Well'),
      chunk({ choices: [{ index: 0, delta: { reasoning: ', hm' } }] }),
      chunk({ choices: [{ index: 0, delta: { reasoning_content: '.', reasoning: '.' } }] }),
      delta('Yes'),
      delta(''),
      chunk({ choices: [{ index: 0, delta: { content: '!' }, finish_reason: 'length' }] }),
      usage(tokens),
      done,
    ]);
    expect(failure).toBeUndefined();
    expect(outputs).toEqual([
      { type: 'text', channel: 'reasoning', text: 'Well' },
      { type: 'text', channel: 'reasoning', text: ', hm' },
      { type: 'text', channel: 'reasoning', text: '.' },
      { type: 'text', channel: 'content', text: 'Yes' },
      { type: 'text', channel: 'content', text: '!' },
      {
        type: 'finished',
        finishReason: 'length',
        modelServed: MODEL_SERVED,
        usage: { input: 1, output: 2, total: 3 },
        usageRaw: tokens,
      },
    ]);
  });

  it('may end without [DONE], and without usage', async () => {
    expect(await outcomeOfScript([...deltas(['a', 'b']), finish()])).toMatchObject({
      content: 'ab',
      finished: { finishReason: 'stop', usage: null },
      failure: undefined,
    });
  });

  it('is complete when nothing more comes after the finish reason, and is not waited for', async () => {
    expect(await outcomeOfScript([delta('a'), finish(), usage({ prompt_tokens: 1 }), stall])).toMatchObject({
      content: 'a',
      failure: undefined,
      finished: { finishReason: 'stop', usage: { input: 1 }, usageRaw: { prompt_tokens: 1 } },
    });
  });

  it('is complete when the connection breaks after the finish reason', async () => {
    expect(await outcomeOfScript([delta('a'), finish(), reset])).toMatchObject({
      content: 'a',
      finished: { finishReason: 'stop', usage: null },
      failure: undefined,
    });
  });

  it('is its first choice alone', async () => {
    const second = { index: 1, delta: { content: 'another' }, finish_reason: 'length' };
    const outcome = await outcomeOfScript([
      chunk({ choices: [second, { index: 0, delta: { content: 'one' } }] }),
      chunk({ choices: [{ delta: { content: ', two' }, finish_reason: 'stop' }] }),
      chunk({ choices: [second] }),
      done,
    ]);
    expect(outcome).toMatchObject({ content: 'one, two', finished: { finishReason: 'stop' } });
  });

  it('may come without a content type, or as plain text', async () => {
    const types: Record<string, string>[] = [{}, { 'content-type': 'text/plain; charset=utf-8' }];
    for (const headers of types) {
      expect(await outcomeOfScript([head(200, headers), ...answer(['a'])])).toMatchObject(completed('a'));
    }
  });

  it('ignores other chunks', async () => {
    const outcome = await outcomeOfScript([
      send('\uFEFF: OPENROUTER PROCESSING\n\nevent: ping\nid: 7\nretry: 10\n\ndata:\n\ndata\n\n'),
      chunk({ choices: [], prompt_filter_results: [] }),
      event({ type: 'ping' }),
      chunk({ choices: null, error: null }),
      chunk({ choices: [{ index: 0, delta: null }] }),
      ...answer(['a', 'b']),
      event({ choices: [{ index: 0, delta: { content: 'after the end' } }] }),
    ]);
    expect(outcome).toMatchObject(completed('ab', ['a', 'b']));
  });
});

describe('a surrogate pair', () => {
  const high = '\ud83d';
  const low = '\ude80';
  const cut = (content: string) => send(`data: {"choices":[{"index":0,"delta":{"content":"${content}"}}]}\n\n`);

  it('that was split over two chunks is joined', async () => {
    const { outputs } = await outcomeOfScript([
      cut('a\\ud83d'),
      reasoning(`hm${high}`),
      cut('\\ude80b'),
      reasoning(low),
      finish(),
    ]);
    expect(outputs.map((output) => output.type === 'text' && output.text)).toEqual(['a', 'hm', '🚀b', '🚀', false]);
  });

  it('of which only a half came is passed on unchanged', async () => {
    expect(await outcomeOfScript([cut('\\ud83d'), cut('a\\ud83d'), finish()])).toMatchObject({
      content: `${high}a${high}`,
      finished: { finishReason: 'stop' },
    });
    expect(await outcomeOfScript([cut('a\\ud83d'), reset])).toMatchObject({
      content: `a${high}`,
      failure: { kind: 'network' },
    });
  });
});

describe('any framing', () => {
  const dataLines = (json: string, lineEnd: string): string =>
    json
      .split('\n')
      .map((line) => `data: ${line}${lineEnd}`)
      .join('');

  it('keeps any text exactly', async () => {
    const framing = fc.record({
      lineEnd: fc.constantFrom('\n', '\r', '\r\n'),
      comment: fc.constantFrom('', ':', ': still here', 'event: message'),
      breakLines: fc.boolean(),
    });
    const parts = fc.array(fc.tuple(fc.string({ unit: anyCharacter }), framing), { maxLength: 8 });
    const cuts = fc.array(fc.nat(2_000), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(parts, cuts, async (parts, cuts) => {
        const events = parts.map(([content, { lineEnd, comment, breakLines }]) => {
          const chunk = { id: 'x', choices: [{ index: 0, delta: { role: 'assistant', content } }] };
          // JSON may be broken between its tokens: a standard decoder joins the lines again.
          const json = JSON.stringify(chunk, undefined, breakLines ? 1 : undefined);
          return `${comment && comment + lineEnd}${dataLines(json, lineEnd)}${lineEnd}`;
        });
        const bytes = Buffer.from(events.join(''));
        const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
        const pieces = [...at, bytes.length].map((end, nth) => bytes.subarray(at[nth - 1] ?? 0, end));
        const outcome = await outcomeOfScript([...pieces.map((piece) => send(piece)), finish(), done]);
        expect(outcome.content).toBe(parts.map(([text]) => text).join(''));
        expect(outcome.finished?.finishReason).toBe('stop');
      }),
      { numRuns: 200, examples: [[[[',', { lineEnd: '\n', comment: '', breakLines: true }]], []]] },
    );
  });
});

describe('an answer that goes wrong', () => {
  const terminal = { retryable: false };

  it('is incomplete when its stream ends without a finish reason', async () => {
    for (const end of [[], [done]]) {
      expect(await outcomeOfScript([...deltas(['a', 'b']), usage({ total_tokens: 3 }), ...end])).toMatchObject({
        content: 'ab',
        finished: undefined,
        failure: failed('incomplete', expect.any(String), {
          ...terminal,
          usage: { total: 3 },
          usageRaw: { total_tokens: 3 },
          modelServed: MODEL_SERVED,
        }),
      });
    }
  });

  it('is incomplete when no byte came', async () => {
    const outcome = await outcomeOfScript([sendHead]);
    expect(outcome.failure).toEqual(failed('incomplete', expect.any(String), terminal));
  });

  it.each([
    [{ message: 'The model is overloaded', type: 'server_error', code: 502 }, 'The model is overloaded'],
    ['Out of memory', 'Out of memory'],
    [{ code: 1 }, '{"code":1}'],
  ])('fails with the words of an error in its stream: %j', async (error, words) => {
    expect(await outcomeOfScript([delta('a'), event({ error }), delta('b'), finish(), done])).toMatchObject({
      content: 'a',
      finished: undefined,
      failure: failed('provider_error', words, terminal),
    });
  });

  it.each(['not JSON', '{"choices":', '3', '[]', '<html>'])('fails at data that is no chunk: %s', async (garbage) => {
    expect(await outcomeOfScript([delta('a'), event(garbage), finish(), done])).toMatchObject({
      content: 'a',
      finished: undefined,
      failure: failed('provider_error', expect.stringContaining(garbage), terminal),
    });
  });

  it('fails at content that is no text, rather than losing it', async () => {
    const parts = { content: [{ type: 'text', text: 'a' }] };
    const { failure } = await outcomeOfScript([chunk({ choices: [{ index: 0, delta: parts }] }), finish(), done]);
    expect(failure).toEqual(failed('provider_error', expect.stringContaining('not text'), terminal));
  });

  it('fails at an event that does not end, and accepts one just below the bound', async () => {
    const most = 'x'.repeat(limits.providerEventBytesMax - 200);
    expect((await outcomeOfScript(answer([most]))).content).toBe(most);
    for (const endless of ['x'.repeat(limits.providerEventBytesMax), 'x\ndata: '.repeat(700_000)]) {
      const outcome = await outcomeOfScript([delta('a'), send(`data: ${endless}`), finish(), done]);
      expect(outcome).toMatchObject({ content: 'a', failure: failed('provider_error', expect.any(String), terminal) });
    }
  });

  it.each([
    ['a reset', reset],
    ['a hang-up', hangUp],
  ])('is a broken connection after %s', async (_, end) => {
    expect(await outcomeOfScript([...deltas(['a', 'b']), end])).toMatchObject({
      content: 'ab',
      finished: undefined,
      failure: failed('network', expect.any(String), { ...terminal, modelServed: MODEL_SERVED }),
    });
    // The head is a part of the answer: the provider has begun, and may charge for it.
    expect((await outcomeOfScript([sendHead, end])).failure).toEqual(failed('network', expect.any(String), terminal));
  });
});
