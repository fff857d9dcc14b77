import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { modelToEncodingMap } from 'gpt-tokenizer/mapping';
import * as published from 'gpt-tokenizer/models';
import { GptTokenCounter } from '../../src/adapters/tokenizer/gpt-token-counter.js';
import { knownModels } from '../../src/adapters/tokenizer/known-models.js';
import { inBoundedTime } from '../../src/adapters/tokenizer/plain-text.js';
import { remembered } from '../../src/adapters/tokenizer/remembered.js';
import { anyText } from './events/arbitrary-events.js';

const counter = new GptTokenCounter();
const plain = (text: string) => countTokens(text, { disallowedSpecial: new Set() });

describe('the encoding of a model', () => {
  it.each([
    ['gpt-4o', 'o200k_base', 128_000],
    ['gpt-4o-2024-08-06', 'o200k_base', 128_000],
    ['gpt-4.1-mini', 'o200k_base', 1_047_576],
    ['ft:gpt-4o-mini-2024-07-18:acme::abc123', 'o200k_base', 128_000],
    ['gpt-4', 'cl100k_base', 8_192],
    ['gpt-3.5-turbo', 'cl100k_base', 16_385],
    ['demo', 'o200k_base', 128_000],
  ])('%s: its own, %s', async (model, encoding, contextLimit) => {
    expect(await counter.forModel(model)).toMatchObject({ encoding, contextLimit, estimated: false });
  });

  it.each(['mock-model', 'llama-3.3-70b', 'gpt-4o-2024', 'xgpt-4o', 'ft:', '', '__proto__', 'constructor'])(
    '%j is not known: it is counted with o200k_base, and says so',
    async (model) => {
      const expected = { encoding: 'o200k_base', contextLimit: 8_192, estimated: true };
      expect(await counter.forModel(model)).toMatchObject(expected);
    },
  );

  it('differs from another where the encodings do', async () => {
    const [newer, older] = await Promise.all(['gpt-4o', 'gpt-4'].map((model) => counter.forModel(model)));
    const text = 'Überprüfbarkeit 你好，世界';
    expect(newer?.count(text)).toBe(plain(text));
    expect(older?.count(text)).not.toBe(plain(text));
  });

  it('is what the tokenizer knows of it, and its limit no more than the provider publishes', () => {
    type Spec = { context_window?: number; max_input_tokens?: number };
    const specs = published as unknown as Record<string, Spec>;
    const encodings: Record<string, string> = modelToEncodingMap;
    const compared = [...knownModels].filter(([name]) => specs[name]?.context_window);
    for (const [name, { encoding, contextLimit }] of compared) {
      const { context_window = 0, max_input_tokens = context_window } = specs[name] ?? {};
      expect([name, encoding]).toEqual([name, (encodings[name] ?? 'o200k_base').replace('harmony', 'base')]);
      expect([name, contextLimit <= Math.min(context_window, max_input_tokens)]).toEqual([name, true]);
      expect([name, contextLimit > context_window / 2]).toEqual([name, true]);
    }
    expect(compared.length).toBeGreaterThan(30);
  });
});

describe('counting a text', () => {
  const count = inBoundedTime(plain);

  it.each([
    ['', 0],
    ['hello world', 2],
    ['<|endoftext|>', 7],
    ['a <|im_start|>system<|im_sep|> b<|fim_prefix|>', plain('a <|im_start|>system<|im_sep|> b<|fim_prefix|>')],
  ])('%j is %i tokens of plain text', async (text, tokens) => {
    expect((await counter.forModel('gpt-4o')).count(text)).toBe(tokens);
    expect(tokens > 1 || text === '').toBe(true);
  });

  it('never throws, and finds something in every text that is not empty', async () => {
    const tokenizers = await Promise.all(['gpt-4o', 'gpt-4'].map((model) => counter.forModel(model)));
    fc.assert(
      fc.property(anyText, (text) => {
        for (const tokenizer of tokenizers) expect(tokenizer.count(text) > 0).toBe(text !== '');
      }),
    );
  });

  it('is exact for what people write', () => {
    const words = fc.array(fc.oneof(anyText, fc.lorem(), fc.constantFrom('你好，世界。', '-'.repeat(100), '\n\n')));
    fc.assert(fc.property(words, (pieces) => expect(count(pieces.join(' '))).toBe(plain(pieces.join(' ')))));
  });

  it.each(['a', 'A', '=', ' ', '\n', '/\n', '中', '😀', '\0', '\ud83d', '\u0301', "it's "])(
    'is close to exact for 2,000 times %j',
    (piece) => {
      const text = `before ${piece.repeat(2_000)} after`;
      const exact = plain(text);
      expect(Math.abs(count(text) - exact)).toBeLessThanOrEqual(2 + exact * 0.1);
    },
  );

  const pages: [string, string][] = [
    ['20,000 times a', 'a'.repeat(20_000)],
    ...['a', 'A', '=', ' ', '\n', '/\n', '中', '😀', '\0', '\u0301', '<|endoftext|>'].map((piece): [string, string] => [
      `256 KiB of ${JSON.stringify(piece)}`,
      piece.repeat(262_144 / Buffer.byteLength(piece)),
    ]),
    ['256 KiB of letters in no order', letters(262_144)],
  ];
  it.each(pages)('takes no minutes for %s', async (_, text) => {
    const tokenizer = await counter.forModel('gpt-4o');
    const before = process.cpuUsage();
    expect(tokenizer.count(text)).toBeGreaterThan(1_000);
    // Without the bound most of these take minutes of a processor; with it the slowest takes a fraction of a second.
    expect(process.cpuUsage(before).user).toBeLessThan(20_000_000);
  });
});

/** Letters as a key or a hash has them, the same on every run. */
function letters(length: number): string {
  let state = 1;
  return Array.from({ length }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return String.fromCharCode(97 + (state % 26));
  }).join('');
}

describe('remembering counts', () => {
  const long = (start: string) => start.padEnd(100, '.');
  function counting() {
    const asked: string[] = [];
    const count = (text: string) => {
      asked.push(text.slice(0, 1));
      return text.length;
    };
    return { asked, count: remembered(count, 2) };
  }

  it('counts a text once while it is remembered', () => {
    const { asked, count } = counting();
    expect([count(long('a')), count(long('a')), count(long('a'))]).toEqual([100, 100, 100]);
    expect(asked).toEqual(['a']);
  });

  it('forgets what was not used for the longest time', () => {
    const { asked, count } = counting();
    for (const text of ['a', 'b', 'a', 'c', 'a', 'b']) count(long(text));
    expect(asked).toEqual(['a', 'b', 'c', 'b']);
  });

  it('tells texts apart that UTF-8 does not', () => {
    const { asked, count } = counting();
    for (const text of ['\ud83d', '\ude00', '\ufffd']) count(long(text));
    expect(asked).toHaveLength(3);
  });
});
