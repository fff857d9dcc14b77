import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OpenAiLanguageModel } from '../../src/adapters/openai/openai-language-model.js';
import { limits } from '../../src/limits.js';
import type { ModelOutput, PreparedCall } from '../../src/ports/language-model.js';
import {
  chunk,
  delta,
  done,
  type FakeProvider,
  finish,
  head,
  plainly,
  type Script,
  startFakeProvider,
} from '../support/fake-provider.js';
import { askedFor, atOnce } from '../support/model-outputs.js';

let provider: FakeProvider;
beforeEach(async () => {
  provider = await startFakeProvider();
});
afterEach(() => provider.stop());

const said = (fields: object, choice: object = {}) => chunk({ choices: [{ index: 0, delta: fields, ...choice }] });

async function heard(script: Script): Promise<{ outputs: ModelOutput[]; call: PreparedCall }> {
  provider.script = script;
  const model = new OpenAiLanguageModel({ apiKey: 'sk-of-the-test', baseUrl: provider.baseUrl }, { now: () => 0 });
  const call = model.prepare(askedFor('Hello?'));
  const outputs: ModelOutput[] = [];
  for await (const together of call.stream(new AbortController().signal, atOnce)) outputs.push(...together);
  return { outputs, call };
}

const texts = async (...script: Script) =>
  (await heard([...script, finish(), done])).outputs.flatMap((output) => {
    if (output.type !== 'text') return [];
    const { type: _, ...piece } = output;
    return [piece];
  });
const other = (fields: object) => ({ channel: 'other', text: `${JSON.stringify(fields)}\n` });
const content = (text: string) => ({ channel: 'content', text });

describe('what a provider streams beside its answer', () => {
  it('a refusal is a channel of its own', async () => {
    const pieces = await texts(said({ refusal: null }), said({ refusal: 'I cannot ' }), said({ refusal: 'help.' }));
    expect(pieces).toEqual([
      { channel: 'refusal', text: 'I cannot ' },
      { channel: 'refusal', text: 'help.' },
    ]);
  });

  it('calls of tools come with who is called and their arguments, side by side', async () => {
    const start = { index: 0, id: 'call_1', type: 'function', function: { name: 'weather', arguments: '' } };
    const second = { index: 1, id: 'call_2', type: 'function', function: { name: 'time', arguments: '{}' } };
    const pieces = await texts(
      said({ tool_calls: [start] }),
      said({ tool_calls: [{ index: 0, function: { arguments: '{"city":' } }, second] }),
      said({ tool_calls: [{ index: 0, function: { arguments: '"Bern"}' } }] }),
    );
    const weather = { id: 'call_1', name: 'weather', type: 'function' };
    expect(pieces).toEqual([
      { channel: 'tool', call: 0, text: '', tool: weather },
      { channel: 'tool', call: 0, text: '{"city":' },
      { channel: 'tool', call: 1, text: '{}', tool: { id: 'call_2', name: 'time', type: 'function' } },
      { channel: 'tool', call: 0, text: '"Bern"}' },
    ]);
  });

  it('the older form of a call is one too', async () => {
    const pieces = await texts(said({ function_call: { name: 'weather', arguments: '{}' } }));
    expect(pieces).toEqual([{ channel: 'tool', call: 0, text: '{}', tool: { name: 'weather' } }]);
  });

  it('unknown fields are kept as JSON, at every place', async () => {
    const pieces = await texts(
      said({ content: 'Hi', annotations: [{ url: 'https://example.org' }] }, { logprobs: { content: [1] }, odd: null }),
      chunk({ choices: [{ index: 1, delta: { content: 'another answer' } }] }),
      said({ tool_calls: 'none', refusal: { why: 1 } }),
    );
    expect(pieces).toEqual([
      content('Hi'),
      other({ delta: { annotations: [{ url: 'https://example.org' }] } }),
      other({ choice: { logprobs: { content: [1] } } }),
      other({ choice: { index: 1, delta: { content: 'another answer' } } }),
      other({ delta: { tool_calls: ['none'] } }),
      other({ delta: { refusal: { why: 1 } } }),
    ]);
  });

  it('fields that are read in another type are kept as JSON, and fail nothing', async () => {
    const { outputs, call } = await heard([
      chunk({ id: 7, object: ['chunk'], created: 'today', model: { name: 'm' }, obfuscation: 1, error: false }),
      chunk({ choices: 'none' }),
      chunk({ choices: [null, '', 'text', 12, ['x'], { index: '0', delta: { content: 'numbered by a text' } }] }),
      said({ role: ['assistant'], reasoning: { steps: 1 }, content: 'Hi' }),
      said({ reasoning_content: 5, reasoning: 'hm' }),
      chunk({ choices: [{ index: 0, delta: 'Hello', finish_reason: { stop: true } }] }),
      chunk({ choices: [{ index: 0, delta: ['Hello'], finish_reason: 3 }] }),
      chunk({ choices: [], usage: [1, 2] }),
      finish(),
      done,
    ]);
    expect(outputs).toEqual([
      ...[
        other({
          chunk: {
            ...{ id: 7, object: ['chunk'], created: 'today', model: { name: 'm' } },
            ...{ obfuscation: 1, error: false },
          },
        }),
        other({ chunk: { choices: 'none' } }),
        ...['text', 12, ['x'], { index: '0', delta: { content: 'numbered by a text' } }].map((choice) =>
          other({ choice }),
        ),
        content('Hi'),
        other({ delta: { role: ['assistant'], reasoning: { steps: 1 } } }),
        { channel: 'reasoning', text: 'hm' },
        other({ delta: { reasoning_content: 5 } }),
        other({ choice: { delta: 'Hello', finish_reason: { stop: true } } }),
        other({ choice: { delta: ['Hello'], finish_reason: 3 } }),
        other({ chunk: { usage: [1, 2] } }),
      ].map((piece) => ({ type: 'text', ...piece })),
      { type: 'finished', finishReason: 'stop', modelServed: expect.any(String), usage: null, usageRaw: null },
    ]);
    expect(call.response.id).toBe('chatcmpl-fake');
  });

  it('fields that are read in another type and too large leave their names', async () => {
    const large = 'x'.repeat(limits.unreadFieldsBytesMax);
    const pieces = await texts(
      chunk({ choices: [large] }),
      chunk({ choices: { large } }),
      said({ reasoning: [large] }),
      chunk({ choices: [{ index: 0, delta: large }] }),
    );
    expect(pieces).toEqual([
      other({ tooLarge: ['choice'] }),
      other({ tooLarge: ['chunk.choices.large'] }),
      other({ tooLarge: ['delta.reasoning.0'] }),
      other({ tooLarge: ['choice.delta'] }),
    ]);
  });

  it('a field with the name of a method of every object is kept like another one', async () => {
    const pieces = await texts(said(JSON.parse('{"constructor":1,"__proto__":{"a":2},"toString":"x"}')));
    expect(pieces).toEqual([
      { channel: 'other', text: '{"delta":{"constructor":1,"__proto__":{"a":2},"toString":"x"}}\n' },
    ]);
  });

  it('content that is not text ends the call, and is kept', async () => {
    provider.script = [delta('Hi'), said({ content: [{ type: 'text', text: 'lost?' }] }), finish(), done];
    const model = new OpenAiLanguageModel({ apiKey: 'sk-of-the-test', baseUrl: provider.baseUrl }, { now: () => 0 });
    const outputs: ModelOutput[] = [];
    const hearing = async () => {
      const call = model.prepare(askedFor('Hello?'));
      for await (const together of call.stream(new AbortController().signal, atOnce)) outputs.push(...together);
    };
    await expect(hearing()).rejects.toThrow('content that is not text');
    expect(outputs).toEqual([
      { type: 'text', ...content('Hi') },
      { type: 'text', ...other({ delta: { content: [{ type: 'text', text: 'lost?' }] } }) },
    ]);
  });

  it('fields that each chunk repeats are kept once, and again when they change', async () => {
    const tier = (service_tier: string) =>
      chunk({ service_tier, choices: [{ index: 0, delta: { content: service_tier } }] });
    const pieces = await texts(tier('default'), tier('default'), delta('plain'), tier('flex'));
    expect(pieces).toEqual([
      content('default'),
      other({ chunk: { service_tier: 'default' } }),
      content('default'),
      content('plain'),
      content('flex'),
      other({ chunk: { service_tier: 'flex' } }),
    ]);
  });

  it('unread fields inside a tool call are kept beside the call', async () => {
    const extra_content = { google: { thought_signature: 'c2lnbmVk' } };
    const weather = { name: 'weather', arguments: '{}', strict: true };
    const pieces = await texts(
      said({ tool_calls: [{ index: 1, id: 'call_1', type: 'function', function: weather, extra_content }] }),
      said({ tool_calls: [{ index: 1, id: 7, function: { name: ['time'], arguments: '{}', input: 'both' } }] }),
      said({
        tool_calls: [{ index: '2', type: 'custom', custom: { name: 'sql', input: 'SELECT 1', grammar: 'lark' } }],
      }),
      said({ function_call: { name: 'weather', arguments: '{}', extra_content } }),
    );
    expect(pieces).toEqual([
      { channel: 'tool', call: 1, text: '{}', tool: { id: 'call_1', name: 'weather', type: 'function' } },
      other({ delta: { tool_calls: [{ index: 1, extra_content, function: { strict: true } }] } }),
      { channel: 'tool', call: 1, text: '{}' },
      other({ delta: { tool_calls: [{ index: 1, id: 7, function: { name: ['time'], input: 'both' } }] } }),
      { channel: 'tool', call: 0, text: 'SELECT 1', tool: { name: 'sql', type: 'custom' } },
      other({ delta: { tool_calls: [{ index: '2', custom: { grammar: 'lark' } }] } }),
      { channel: 'tool', call: 0, text: '{}', tool: { name: 'weather' } },
      other({ delta: { function_call: { extra_content } } }),
    ]);
  });

  it('arguments that are an object are kept as JSON, and a larger object leaves its name', async () => {
    const call = (argument: object) =>
      said({ tool_calls: [{ index: 0, id: 'call_1', function: { name: 'f', arguments: argument } }] });
    const large = 'x'.repeat(limits.unreadFieldsBytesMax);
    const pieces = await texts(
      call({ city: 'Bern' }),
      call({ city: large }),
      said({ function_call: { name: 'f', arguments: [large] } }),
    );
    const tool = { id: 'call_1', name: 'f' };
    expect(pieces).toEqual([
      { channel: 'tool', call: 0, text: '{"city":"Bern"}', tool },
      { channel: 'tool', call: 0, text: '', tool },
      other({ tooLarge: ['delta.tool_calls.0.index', 'delta.tool_calls.0.function.arguments'] }),
      { channel: 'tool', call: 0, text: '', tool: { name: 'f' } },
      other({ tooLarge: ['delta.function_call.arguments.0'] }),
    ]);
  });

  it('a call that is not an object is kept as JSON, and a larger one leaves its name', async () => {
    const large = 'x'.repeat(limits.unreadFieldsBytesMax);
    const pieces = await texts(
      said({ function_call: 'weather()' }),
      said({ function_call: null, tool_calls: null }),
      said({ function_call: ['weather'] }),
      said({ function_call: large, tool_calls: [large] }),
    );
    expect(pieces).toEqual([
      other({ delta: { function_call: 'weather()' } }),
      other({ delta: { function_call: ['weather'] } }),
      other({ tooLarge: ['delta.tool_calls.0'] }),
      other({ tooLarge: ['delta.function_call'] }),
    ]);
  });

  it('fields too large or nested too deeply leave their names and end nothing', async () => {
    const deep: unknown = JSON.parse(`${'['.repeat(2_000)}${']'.repeat(2_000)}`);
    const large = 'x'.repeat(limits.unreadFieldsBytesMax);
    const pieces = await texts(
      said({ content: 'a', blob: large, small: { url: 1 } }),
      said({ content: 'b', deep }),
      chunk({ blob: large, choices: [{ index: 1, delta: { content: large } }] }),
    );
    expect(pieces).toEqual([
      content('a'),
      other({ tooLarge: ['delta.blob', 'delta.small.url'] }),
      content('b'),
      other({ tooLarge: ['delta.deep.0.0.0'] }),
      other({ tooLarge: ['choice.index', 'choice.delta.content'] }),
      other({ tooLarge: ['chunk.blob'] }),
    ]);
  });

  it('names of fields are bounded in their length and their number', async () => {
    const { unreadNamesMax, unreadNameCharactersMax, unreadFieldsBytesMax } = limits;
    const names = Array.from({ length: 5_000 }, (_, nth) => `${nth}-${'\u0001'.repeat(100)}`);
    const [piece, ...none] = await texts(said(Object.fromEntries(names.map((name) => [name, 1]))));
    expect(none).toEqual([]);
    const { tooLarge, namesLeftOut } = JSON.parse(piece?.text ?? '') as { tooLarge: string[]; namesLeftOut: boolean };
    expect(namesLeftOut).toBe(true);
    expect(tooLarge).toHaveLength(unreadNamesMax);
    expect(new Set(tooLarge.map(({ length }) => length))).toEqual(new Set([unreadNameCharactersMax]));
    expect(tooLarge.at(-1)?.startsWith(`delta.${unreadNamesMax - 1}-`)).toBe(true);
    expect(Buffer.byteLength(piece?.text ?? '')).toBeLessThan(unreadFieldsBytesMax);
  });
});

describe('the names of an answer', () => {
  it('are those of its first chunk and of the header', async () => {
    const headers = { 'content-type': 'text/event-stream', 'x-request-id': 'req_1' };
    const { call } = await heard([head(200, headers), delta('Hi'), finish(), done]);
    expect(call.response).toEqual({ id: 'chatcmpl-fake', requestId: 'req_1' });
  });

  it('are known of a call that was refused', async () => {
    provider.script = plainly(500, '{"error":{"message":"no"}}', { 'x-request-id': 'req_2' });
    const model = new OpenAiLanguageModel({ apiKey: 'sk-of-the-test', baseUrl: provider.baseUrl }, { now: () => 0 });
    const call = model.prepare(askedFor('Hello?'));
    await expect(call.stream(new AbortController().signal, atOnce)[Symbol.asyncIterator]().next()).rejects.toThrow(
      'no',
    );
    expect(call.response).toEqual({ requestId: 'req_2' });
  });

  it('are absent where a provider gives none', async () => {
    const { call } = await heard([
      chunk({ id: null, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }),
      done,
    ]);
    expect(call.response).toEqual({});
  });
});
