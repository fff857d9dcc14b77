import { setImmediate as turnOfTheLoop } from 'node:timers/promises';

/**
 * The longest time in milliseconds for which an act held the event loop. It is the lesser of wall time and processor
 * time of each turn of the loop: the first alone grows on a loaded machine, the second alone with the collector's threads.
 */
export async function longestHold(act: () => Promise<unknown>): Promise<number> {
  let ended = false;
  let longest = 0;
  const watching = (async () => {
    let cpu = process.cpuUsage();
    let wall = process.hrtime.bigint();
    while (!ended) {
      await turnOfTheLoop();
      const { user, system } = process.cpuUsage(cpu);
      const wallMs = Number(process.hrtime.bigint() - wall) / 1e6;
      longest = Math.max(longest, Math.min((user + system) / 1_000, wallMs));
      cpu = process.cpuUsage();
      wall = process.hrtime.bigint();
    }
  })();
  try {
    await turnOfTheLoop();
    await act();
  } finally {
    await turnOfTheLoop();
    ended = true;
    await watching;
  }
  return longest;
}

/** The least of at most three tries, the last one below the bound: what holds the loop does so each time, a busy machine not. */
export async function leastHold(boundMs: number, act: (nth: number) => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let nth = 0; nth < 3 && least >= boundMs; nth++) least = Math.min(least, await longestHold(() => act(nth)));
  return least;
}
