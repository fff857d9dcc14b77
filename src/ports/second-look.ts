import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../limits.js';

/**
 * Whether the log has what `look` asks for. A leader that was just elected may not have indexed all that it holds, so a
 * first look that does not find it is not believed.
 */
export async function foundOnSecondLook(look: () => Promise<boolean>): Promise<boolean> {
  if (await look()) return true;
  await sleep(limits.goneEventLookAgainMs);
  return look();
}
