import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { listPrices } from '../../../src/domain/list-prices.js';
import { costOfAnswer, costOfPrompt, type PriceList } from '../../../src/domain/prices.js';
import { usageOf } from '../../../src/formats/openai-chat-1.js';

const plain = (inputPerMillion: string) => ({ inputPerMillion, outputPerMillion: '0' });

/** Every model has an input price of its own, so that the cost of a million tokens tells which one was taken. */
const prices: PriceList = {
  date: '2026-11-01',
  currency: 'EUR',
  models: {
    small: { inputPerMillion: '0.15', cachedInputPerMillion: '0.075', outputPerMillion: '0.60' },
    'small-2025-02-03': plain('4'),
    'small-turbo': plain('5'),
    'ft:small': plain('6'),
    'ft:small-2025-02-03': plain('7'),
    'ft:small:acme::1': plain('8'),
    free: plain('0'),
  },
};

const usage = (prompt: unknown, completion: unknown, details?: unknown) => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  ...(details !== undefined && { prompt_tokens_details: details }),
});
const asked = (model: string, provider = 'openai') => ({ provider, model });
const answered = (reported: Record<string, unknown> | null, modelServed: string | null = null) => ({
  modelServed,
  usage: usageOf(reported),
});
const amountOf = (reported: Record<string, unknown> | null, model = 'small') =>
  costOfAnswer(prices, asked(model), answered(reported))?.amount ?? null;
const inputPriceOf = (model: string) => amountOf(usage(1_000_000, 0), model);

describe('the cost of an answer', () => {
  it('is that of its tokens, to the last digit, and names the list it was computed with', () => {
    expect(costOfAnswer(prices, asked('small'), answered(usage(19, 10)))).toEqual({
      amount: '0.00000885',
      currency: 'EUR',
      priceList: '2026-11-01',
    });
  });

  it.each([
    [usage(1_000_000, 1_000_000), '0.75'],
    [usage(1_000_000, 0, { cached_tokens: 400_000 }), '0.12'],
    [usage(1_000_000, 0, { cached_tokens: 1_000_000 }), '0.075'],
    [usage(1, 0, { cached_tokens: 1, audio_tokens: 0 }), '0.000000075'],
    [usage(1_000_000, 0, {}), '0.15'],
    [usage(1_000_000, 0, null), '0.15'],
    [usage(1_000_000, 0, { cached_tokens: null }), '0.15'],
    [usage(0, 0), '0'],
    [{ ...usage(0, 5), completion_tokens_details: { reasoning_tokens: 4 }, total_tokens: 'many' }, '0.000003'],
  ])('of %j is %s', (reported, amount) => {
    expect(amountOf(reported)).toBe(amount);
  });

  it('counts cached tokens like others where they have no price of their own', () => {
    expect(amountOf(usage(1_000_000, 0, { cached_tokens: 400_000 }), 'small-turbo')).toBe('5');
  });

  it('is zero, and known, where the price is', () => {
    expect(amountOf(usage(1_000, 1_000), 'free')).toBe('0');
  });

  it.each([
    [null],
    [{}],
    [{ total_tokens: 3 }],
    [usage(1, undefined)],
    [usage(undefined, 1)],
    [usage(-1, 1)],
    [usage(1, -1)],
    [usage(1.5, 1)],
    [usage('1', 1)],
    [usage(1, Number.NaN)],
    [usage(2 ** 53, 1)],
    [usage(1, 1e300)],
    [usage(1, 1, { cached_tokens: 2 })],
    [usage(1, 1, { cached_tokens: -1 })],
    [usage(1, 1, { cached_tokens: '1' })],
    [usage(1, 1, 'none')],
  ])('is not known of %j', (reported) => {
    expect(amountOf(reported)).toBeNull();
  });

  it('is one number for the same answer, and never falls when there are more tokens', () => {
    const tokens = fc.nat(1_000_000_000);
    fc.assert(
      fc.property(tokens, tokens, tokens, (prompt, completion, more) => {
        const cost = amountOf(usage(prompt, completion));
        expect(amountOf(usage(prompt, completion))).toBe(cost);
        expect(Number(amountOf(usage(prompt + more, completion + more)))).toBeGreaterThanOrEqual(Number(cost));
      }),
    );
  });
});

describe('the price of a model', () => {
  it.each([
    ['small', '0.15'],
    ['small-2024-07-18', '0.15'],
    ['small-2025-02-03', '4'],
    ['small-turbo', '5'],
    ['small-turbo-2026-01-01', '5'],
    ['ft:small-2024-07-18:acme::abc', '6'],
    ['ft:small-2025-02-03:acme::abc', '7'],
    ['ft:small:acme::1', '8'],
    ['ft:small:acme::2', '6'],
  ])('%s costs %s', (model, price) => {
    expect(inputPriceOf(model)).toBe(price);
  });

  it.each([
    'small-pro',
    'small-2025',
    'small-2025-02-03-preview',
    'xsmall',
    'Small',
    'ft:small-turbo:acme::1',
    'ft:',
    '',
    '__proto__',
    'constructor',
  ])('%j has none: it merely looks like one that has', (model) => {
    expect(inputPriceOf(model)).toBeNull();
  });

  it('is that of the model that answered, and not of the one that was asked', () => {
    const million = usage(1_000_000, 0);
    const costs = [null, 'small-turbo', 'small-2026-01-01', 'unheard-of'].map(
      (served) => costOfAnswer(prices, asked('free'), answered(million, served))?.amount,
    );
    expect(costs).toEqual(['0', '5', '0.15', undefined]);
  });

  it('is not that of the demo, whatever name it is called by', () => {
    expect(costOfAnswer(prices, asked('small', 'demo'), answered(usage(1, 1), 'small'))).toBeNull();
    expect(costOfPrompt(prices, { ...asked('small', 'demo'), tokens: { prompt: 1, reserved: 1 } })).toBeNull();
  });
});

describe('the cost of a prompt that was not sent', () => {
  it('is that of its tokens, none of them cached, and of all that is kept for the answer', () => {
    const tokens = { prompt: 1_000_000, reserved: 16_384 };
    expect(costOfPrompt(prices, { ...asked('small'), tokens })?.amount).toBe('0.1598304');
    expect(costOfPrompt(prices, { ...asked('unheard-of'), tokens })).toBeNull();
  });
});

describe('the prices in the code', () => {
  it('are decimal numbers, and cheaper from a cache', () => {
    expect(listPrices.date).toMatch(/^\d{4}-\d{2}-\d{2}$/);
    for (const [model, { cachedInputPerMillion, ...price }] of Object.entries(listPrices.models)) {
      const { inputPerMillion, outputPerMillion } = price;
      for (const text of Object.values(price))
        expect([model, text]).toEqual([model, expect.stringMatching(/^\d+\.\d+$/)]);
      expect([model, Number(cachedInputPerMillion ?? 0) < Number(inputPerMillion)]).toEqual([model, true]);
      expect([model, Number(inputPerMillion) < Number(outputPerMillion)]).toEqual([model, true]);
    }
  });

  it.each([
    ['gpt-4o-2024-08-06', '2.5'],
    ['gpt-4o-2024-05-13', '5'],
    ['gpt-4o-mini-2024-07-18', '0.15'],
    ['gpt-5-2025-08-07', '1.25'],
    ['demo', undefined],
    ['gpt-5-pro', undefined],
    ['gpt-4o-audio-preview', undefined],
  ])('have for a million tokens of %s: %s', (model, amount) => {
    expect(costOfAnswer(listPrices, asked(model), answered(usage(1_000_000, 0)))?.amount).toBe(amount);
  });
});
