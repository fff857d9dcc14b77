import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { systemClock } from '../../src/adapters/system/system-clock.js';

const LONG_MS = 60_000;

describe('a sleep on the system clock', () => {
  it('ends after its time', async () => {
    const began = systemClock.monotonic();
    await systemClock.sleep(20);
    // Timers count whole milliseconds.
    expect(systemClock.monotonic() - began).toBeGreaterThanOrEqual(19);
  });

  it('ends when its signal is aborted, and at once when that has happened', async () => {
    const leaving = new AbortController();
    const sleeping = systemClock.sleep(LONG_MS, leaving.signal);
    leaving.abort();
    await sleeping;
    await systemClock.sleep(LONG_MS, leaving.signal);
  });

  it('leaves no listener on a signal that outlives it', async () => {
    const { signal } = new AbortController();
    await systemClock.sleep(1, signal);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('does not end at once when it is longer than a timer can be', async () => {
    const leaving = new AbortController();
    let isOver = false;
    const sleeping = systemClock.sleep(2 ** 40, leaving.signal).then(() => {
      isOver = true;
    });
    await systemClock.sleep(20);
    expect(isOver).toBe(false);
    leaving.abort();
    await sleeping;
  });
});
