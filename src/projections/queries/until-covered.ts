import { limits } from '../../limits.js';
import type { Clock } from '../../ports/clock.js';
import type { Advances } from '../advances.js';

export interface CoverageParts {
  readonly clock: Clock;
  readonly advances: Advances;
}

/** Queries until the view covers the required cursor: after each step of a lane here, and at intervals for other processes. */
export async function untilCovered(
  { clock, advances }: CoverageParts,
  projection: string,
  deadline: number,
  covers: () => Promise<boolean>,
): Promise<boolean> {
  // Most views cover it already: then no lane is asked to hurry.
  if (await covers()) return true;
  const endWish = advances.wish(projection);
  try {
    while (clock.now() < deadline) {
      const look = new AbortController();
      try {
        // Listening before looking, so that no step in between is missed.
        const move = advances.next(projection, look.signal);
        if (await covers()) return true;
        await Promise.race([move, clock.sleep(limits.viewLookMs, look.signal)]);
      } finally {
        look.abort();
      }
    }
    return false;
  } finally {
    endWish();
  }
}
