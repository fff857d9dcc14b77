import { describe, expect, it } from '@jest/globals';
import { BlockNumbers } from '../../../src/sagas/answer-pieces.js';

describe('the blocks of an answer', () => {
  it('a change of the channel begins a block', () => {
    const blocks = new BlockNumbers();
    const channels = ['reasoning', 'reasoning', 'content', 'reasoning', 'content', 'content', 'refusal'] as const;
    expect(channels.map((channel) => blocks.of(channel))).toEqual([0, 0, 1, 2, 3, 3, 4]);
  });

  it('each call of a tool is a block, also when calls come side by side', () => {
    const blocks = new BlockNumbers();
    expect(blocks.of('content')).toBe(0);
    expect([0, 1, 0, 1, 2].map((call) => blocks.of('tool', call))).toEqual([1, 2, 1, 2, 3]);
    expect(blocks.of('content')).toBe(4);
  });

  it('unknown fields belong to the block in which they came, and do not split texts', () => {
    const blocks = new BlockNumbers();
    expect(blocks.of('other')).toBe(0);
    expect([blocks.of('reasoning'), blocks.of('content')]).toEqual([0, 1]);
    expect([blocks.of('other'), blocks.of('content')]).toEqual([1, 1]);
  });
});
