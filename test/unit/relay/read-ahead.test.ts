import { describe, expect, it } from '@jest/globals';
import { readAhead } from '../../../src/relay/read-ahead.js';
import { until } from '../../support/until.js';

describe('reading ahead', () => {
  it('is one item ahead of the caller, and not two', async () => {
    let read = 0;
    async function* source() {
      for (let nth = 1; nth <= 5; nth++) {
        read = nth;
        yield nth;
      }
    }
    const seen: number[] = [];
    for await (const nth of readAhead(source, new AbortController().signal)) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(read).toBe(Math.min(5, nth + 1));
      seen.push(nth);
    }
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  it('leaves a source that waits for what may never come', async () => {
    let left = false;
    async function* source(over: AbortSignal) {
      yield 1;
      await new Promise((resolve) => over.addEventListener('abort', resolve));
      left = true;
    }
    for await (const _ of readAhead(source, new AbortController().signal)) break;
    await until(() => left);
  });

  it('fails as its source does', async () => {
    async function* source() {
      yield 1;
      throw new Error('broken');
    }
    const seen: number[] = [];
    const reading = (async () => {
      for await (const nth of readAhead(source, new AbortController().signal)) seen.push(nth);
    })();
    await expect(reading).rejects.toThrow('broken');
    expect(seen).toEqual([1]);
  });
});
