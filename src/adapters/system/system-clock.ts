import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../../ports/clock.js';

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(milliseconds, signal) {
    await wait(milliseconds, undefined, { signal }).catch((error) => {
      if (!signal?.aborted) throw error;
    });
  },
};
