import { describe, expect, it } from '@jest/globals';
import { costOf, usageOf } from '../../../src/domain/usage.js';

describe('usage as the API tells it', () => {
  it('has the names of the API, and everything that the provider said', () => {
    const reported = {
      prompt_tokens: 31,
      completion_tokens: 12,
      total_tokens: 43,
      completion_tokens_details: { reasoning_tokens: 0, audio: [{ input_tokens: 1 }] },
      system_fingerprint: 'fp_1',
    };
    expect(usageOf(reported)).toEqual({
      promptTokens: 31,
      completionTokens: 12,
      totalTokens: 43,
      completionTokensDetails: { reasoningTokens: 0, audio: [{ inputTokens: 1 }] },
      systemFingerprint: 'fp_1',
    });
  });

  it('is unknown when nothing was reported, and never zero', () => {
    expect(usageOf(null)).toBeNull();
    expect(usageOf({})).toEqual({});
    expect(costOf(null)).toBeNull();
    expect(costOf({ amount: '0.1', currency: 'USD', priceList: '2026-01' })).toEqual({
      amount: '0.1',
      currency: 'USD',
    });
  });

  it('names keys of many underscores in a moment', () => {
    const name = '_'.repeat(200_000);
    expect(Object.keys(usageOf({ [name]: 1, __a_b: 2 }) ?? {})).toEqual([name, 'AB']);
  }, 5_000);

  it('walks into no abyss', () => {
    let deep: Record<string, unknown> = {};
    for (let depth = 0; depth < 100_000; depth++) deep = { in_side: deep };
    expect(usageOf(deep)).toHaveProperty('inSide.inSide.inSide.inSide.in_side');
  });
});
