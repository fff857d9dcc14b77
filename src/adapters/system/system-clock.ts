import type { Clock } from '../../ports/clock.js';

/** The longest time that a timer of Node accepts: a longer one fires at once. Callers check the time when a sleep ends. */
const LONGEST_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  // Lanes end a sleep for each page. The timers of Node's own promises would make an error with its stack each time.
  sleep: (milliseconds, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, Math.min(milliseconds, LONGEST_MS));
      signal?.addEventListener('abort', end);
    }),
};
