import { describe, expect, it } from '@jest/globals';
import { costOf, usageOf } from '../../../src/domain/conversation/run.js';

describe('usage in the words of the API', () => {
  it('has a name for each number', () => {
    expect(usageOf({ input: 31, output: 12, cachedRead: 16, cachedWrite: 8, reasoning: 4, total: 43 })).toEqual({
      promptTokens: 31,
      completionTokens: 12,
      totalTokens: 43,
      promptTokensDetails: { cachedTokens: 16, cacheWriteTokens: 8 },
      completionTokensDetails: { reasoningTokens: 4 },
    });
  });

  it('lacks the numbers that were not reported, and keeps those that are zero', () => {
    expect(usageOf({ total: 3 })).toStrictEqual({ totalTokens: 3 });
    expect(usageOf({ input: 0, cachedRead: 0, reasoning: 0 })).toStrictEqual({
      promptTokens: 0,
      promptTokensDetails: { cachedTokens: 0 },
      completionTokensDetails: { reasoningTokens: 0 },
    });
    expect(usageOf({ cachedWrite: 2 })).toStrictEqual({ promptTokensDetails: { cacheWriteTokens: 2 } });
  });

  it('is null when nothing was reported', () => {
    expect(usageOf(null)).toBeNull();
  });
});

it('a cost in the words of the API does not name its price list', () => {
  expect(costOf(null)).toBeNull();
  expect(costOf({ amount: '0.1', currency: 'USD', priceList: '2026-01' })).toEqual({ amount: '0.1', currency: 'USD' });
});
