import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { modelToEncodingMap } from 'gpt-tokenizer/mapping';
import * as published from 'gpt-tokenizer/models';
import { GptTokenCounter, RememberedCounts } from '../../src/adapters/tokenizer/gpt-token-counter.js';
import { knownModels } from '../../src/adapters/tokenizer/known-models.js';
import { exactCounter } from '../support/exact-tokens.js';
import { onlyUsually, usually } from '../support/extent.js';
import { leastHold } from '../support/longest-hold.js';
import { anyText } from './events/arbitrary-events.js';

const counter = new GptTokenCounter();
const plain = (text: string) => countTokens(text, { disallowedSpecial: new Set() });

onlyUsually(() => {
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
});

onlyUsually(() => {
  describe('counting a text', () => {
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

    it('slice by slice gives the same count as at once', async () => {
      const tokenizer = await counter.forModel('gpt-4o');
      const text = 'It is counted in several slices, 你好，世界. '.repeat(500);
      expect(await tokenizer.countInSlices(text)).toBe(tokenizer.count(text));
    });
  });
});

const models = [
  ['gpt-4o', 'o200k_base'],
  ['gpt-4', 'cl100k_base'],
] as const;

describe.each(models)('the count of %s', (model, encoding) => {
  const exact = exactCounter(encoding);

  onlyUsually(() => {
    it('is exact for what people write, however long it is', async () => {
      const { count } = await counter.forModel(model);
      const pieces = fc.oneof(
        anyText,
        fc.lorem(),
        fc.constantFrom('你好，世界。', '-'.repeat(100), '\n\n', "it's", '12345'),
      );
      const texts = fc.array(pieces, { minLength: 1, maxLength: 40 }).map((written) => written.join(' '));
      fc.assert(
        fc.property(texts, fc.integer({ min: 1, max: 20 }), (text, times) => {
          const whole = `${text} `.repeat(times);
          expect(count(whole)).toBe(exact(whole));
        }),
        { numRuns: 50 },
      );
    });

    it.each(['a', 'A', '=', ' ', '\n', '/\n', '中', '😀', '\0', '\ud83d', '\u0301', 'ap', 'N', 'a\u0301', "it's "])(
      'is close to exact for 20,000 times %j',
      async (alphabet) => {
        const text = alphabet.repeat(20_000);
        expectWithinPromise(await (await counter.forModel(model)).countInSlices(text), exact(text));
      },
    );
  });

  it('holds the event loop for less than 50 ms and keeps its promise for any text of 256 KiB', async () => {
    const tokenizer = await counter.forModel(model);
    await tokenizer.countInSlices('Compiled and loaded before it is measured, 你好 😀 ab12. '.repeat(200));
    await fc.assert(
      fc.asyncProperty(repeatedAlphabets, async ([alphabet, bytes]) => {
        const text = alphabet.repeat(Math.floor(bytes / Buffer.byteLength(alphabet)));
        let tokens = 0;
        const count = async () => {
          tokens = await tokenizer.countInSlices(text);
        };
        expect(await leastHold(50, count)).toBeLessThan(50);
        expectWithinPromise(tokens, exact(text));
      }),
      { numRuns: usually(8, 25) },
    );
  });
});

/** 2 per cent below to 15 per cent above, and a token or two for texts of few tokens. */
function expectWithinPromise(tokens: number, exact: number): void {
  expect(tokens).toBeGreaterThanOrEqual(exact * 0.98 - 2);
  expect(tokens).toBeLessThanOrEqual(exact * 1.15 + 2);
}

const character = fc.oneof(
  fc.constantFrom(...'apNzé'),
  fc.constantFrom('\u0301', '\u0308', '\u0e31'),
  fc.constantFrom(...'0179'),
  fc.constantFrom(...'中文日本語'),
  fc.constantFrom('😀', '👩‍👩‍👧', '🏳️'),
  fc.constantFrom(' ', '\t', '\n', '\r\n', '\u3000'),
  fc.constantFrom(...'=-/.\'"\0', '\ud83d'),
);

/** Few different pieces, again and again, are the worst texts for whatever looks for words. */
const repeatedAlphabets = fc.tuple(
  fc.array(character, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join('')),
  fc.constantFrom(4_096, 65_536, 262_144),
);

onlyUsually(() => {
  describe('remembering counts', () => {
    const long = (start: string) => start.padEnd(100, '.');

    it('finds the count of a text that was counted before', () => {
      const counts = new RememberedCounts(2);
      expect(counts.find(long('a'))).toBeUndefined();
      counts.keep(long('a'), 7);
      expect(counts.find(long('a'))).toBe(7);
    });

    it('forgets what was not used for the longest time', () => {
      const counts = new RememberedCounts(2);
      counts.keep(long('a'), 1);
      counts.keep(long('b'), 2);
      counts.find(long('a'));
      counts.keep(long('c'), 3);
      expect(['a', 'b', 'c'].map((text) => counts.find(long(text)))).toEqual([1, undefined, 3]);
    });

    it('distinguishes texts that are equal in UTF-8', () => {
      const counts = new RememberedCounts(3);
      counts.keep(long('\ud83d'), 1);
      expect(['\ude00', '\ufffd'].map((text) => counts.find(long(text)))).toEqual([undefined, undefined]);
    });
  });
});
