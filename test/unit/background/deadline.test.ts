import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { untilAborted, within } from '../../../src/background/deadline.js';

const never = new Promise<never>(() => {});

describe('within', () => {
  it('is what the work resolves to, and leaves no timer', async () => {
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    expect(await within(60_000, Promise.resolve('done'), 'late')).toBe('done');
    await turnOfTheLoop();
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout')).toHaveLength(before);
  });

  it('fails as the work fails', async () => {
    await expect(within(60_000, Promise.reject(new Error('broken')), 'late')).rejects.toThrow('broken');
  });

  it('is late once the time is over, however the work ends then', async () => {
    let fail = (_: Error): void => {};
    const work = new Promise<never>((_, reject) => {
      fail = reject;
    });
    expect(await within(1, work, 'late')).toBe('late');
    fail(new Error('too late for anybody to handle'));
    await turnOfTheLoop();
  });
});

describe('untilAborted', () => {
  it('ends with the work, and as that ends', async () => {
    const { signal } = new AbortController();
    await untilAborted(Promise.resolve(), signal);
    await expect(untilAborted(Promise.reject(new Error('broken')), signal)).rejects.toThrow('broken');
  });

  it('does not wait for the work after an abort', async () => {
    const stop = new AbortController();
    const ending = untilAborted(never, stop.signal);
    stop.abort();
    await ending;
  });
});
