import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../../limits.js';

/** Waits for a polite end, but not for ever: a server that hangs never says goodbye. */
export async function farewell(end: Promise<unknown>): Promise<void> {
  const answered = new AbortController();
  const tooLate = sleep(limits.farewellMs, undefined, { signal: answered.signal }).catch(() => {});
  try {
    await Promise.race([end, tooLate]);
  } finally {
    answered.abort();
  }
}
