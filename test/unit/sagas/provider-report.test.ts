import { describe, expect, it } from '@jest/globals';
import { limits } from '../../../src/limits.js';
import { boundedName, boundedUsage, boundedWords } from '../../../src/sagas/model-attempt.js';

describe('the report of a provider about its answer', () => {
  it('is kept as it is when it is of a usual size', () => {
    const usage = { prompt_tokens: 3, prompt_tokens_details: { cached_tokens: 1 }, service: 'x', list: [1] };
    expect(boundedUsage(usage)).toBe(usage);
    expect(boundedUsage(null)).toBeNull();
    expect(boundedName('gpt-4o')).toBe('gpt-4o');
    expect(boundedName(null)).toBeNull();
  });

  it('keeps only counts if the usage is too large', () => {
    const junk = { text: 'x'.repeat(1_000_000), list: Array.from({ length: 100_000 }, () => 1), odd: { a: 'b' } };
    const counts = { completion_tokens: 2, prompt_tokens_details: { cached_tokens: 1 } };
    expect(boundedUsage({ prompt_tokens: 3, ...junk, ...counts })).toEqual({ prompt_tokens: 3, ...counts });
  });

  it('fits its bound when there are more counts than that', () => {
    const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, nth) => [`count_${nth}`, nth]));
    const kept = boundedUsage(many);
    expect(Buffer.byteLength(JSON.stringify(kept))).toBeLessThanOrEqual(limits.usageBytesMax);
    expect(kept).toMatchObject({ count_0: 0, count_500: 500 });
  });

  it('is cut where a name or an error is too long, and never within a character', () => {
    expect(boundedName('😀'.repeat(1_000_000))).toBe('😀'.repeat(limits.nameCharactersMax / 2));
    expect(boundedName(`x${'😀'.repeat(1_000)}`)).toBe(`x${'😀'.repeat(limits.nameCharactersMax / 2 - 1)}`);
    expect(boundedWords('y'.repeat(9_999))).toHaveLength(limits.providerWordsCharactersMax);
  });
});
