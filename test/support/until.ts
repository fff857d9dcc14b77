import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 10;

/** Waits for a condition, and says which one did not come true. */
export async function until(condition: () => boolean | Promise<boolean>, deadlineMs = 20_000): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Not within ${deadlineMs} ms: ${condition}`);
    await sleep(pollMs);
  }
}
