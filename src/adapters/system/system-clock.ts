import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../../ports/clock.js';

/** Timers go no further, and one beyond it would run out at once. Whoever sleeps looks at the time when it wakes. */
const LONGEST_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(milliseconds, signal) {
    await wait(Math.min(milliseconds, LONGEST_MS), undefined, { signal }).catch((error) => {
      if (!signal?.aborted) throw error;
    });
  },
};
