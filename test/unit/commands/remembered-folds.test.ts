import { describe, expect, it } from '@jest/globals';
import { RememberedFolds } from '../../../src/commands/folds.js';
import { limits } from '../../../src/limits.js';

const KIB = 1024;
const small = { bytes: 1_000 * KIB };
const large = { bytes: 40_000 * KIB };

describe('remembered folds', () => {
  it('a large fold pushes out no small one', () => {
    const folds = new RememberedFolds();
    for (let nth = 0; nth < 32; nth++) folds.set(`small-${nth}`, small);
    for (let nth = 0; nth < 10; nth++) folds.set(`large-${nth}`, large);
    expect(Array.from({ length: 32 }, (_, nth) => folds.get(`small-${nth}`))).toEqual(Array(32).fill(small));
    expect([folds.get('large-0'), folds.get('large-8'), folds.get('large-9')]).toEqual([undefined, large, large]);
  });

  it('two full conversations stay remembered beside each other', () => {
    const folds = new RememberedFolds();
    const full = { bytes: limits.conversationChangeFoldBytesMax };
    folds.set('one', full);
    folds.set('other', full);
    expect([folds.get('one'), folds.get('other')]).toEqual([full, full]);
  });

  it('a full conversation stays remembered with the longest answers of a full queue', () => {
    const folds = new RememberedFolds();
    const answers = limits.queuedTurnsMax * limits.answerEscapedBytesMax;
    const largest = { bytes: limits.conversationChangeFoldBytesMax + answers };
    folds.set('largest', largest);
    expect(folds.get('largest')).toBe(largest);
  });

  it('a fold beyond all memory is not remembered, and pushes out nothing', () => {
    const folds = new RememberedFolds();
    folds.set('large', large);
    folds.set('huge', { bytes: limits.largeFoldsBytesMax + 1 });
    expect([folds.get('large'), folds.get('huge')]).toEqual([large, undefined]);
  });

  it('a fold that grows moves to the large ones, and is found once', () => {
    const folds = new RememberedFolds();
    folds.set('one', small);
    folds.set('one', large);
    expect(folds.get('one')).toBe(large);
    for (let nth = 0; nth < 7; nth++) folds.set(`large-${nth}`, large);
    expect(folds.get('one')).toBeUndefined();
  });

  it('the fold that was not asked for the longest goes first', () => {
    const folds = new RememberedFolds();
    for (let nth = 0; nth < 32; nth++) folds.set(`small-${nth}`, small);
    folds.get('small-0');
    folds.set('another', small);
    expect([folds.get('small-0'), folds.get('small-1')]).toEqual([small, undefined]);
  });
});
