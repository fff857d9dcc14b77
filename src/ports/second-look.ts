import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../limits.js';

/**
 * Repeats a lookup that finds nothing. A leader that was just elected may not have indexed all its events, so a first miss
 * proves nothing.
 */
export async function foundOnSecondLook(look: () => Promise<boolean>): Promise<boolean> {
  if (await look()) return true;
  await sleep(limits.goneEventLookAgainMs);
  return look();
}
