import { setTimeout as sleep } from 'node:timers/promises';

/** A condition often asks a server, so one that takes long is asked less often: a wait takes a tenth longer at most. */
const pauseAfter = (waitedMs: number) => Math.min(10 + waitedMs / 10, 200);

/** Waits for a condition, and says which one did not come true. */
export async function until(condition: () => boolean | Promise<boolean>, deadlineMs = 20_000): Promise<void> {
  const began = performance.now();
  while (!(await condition())) {
    const waitedMs = performance.now() - began;
    if (waitedMs > deadlineMs) throw new Error(`Not within ${deadlineMs} ms: ${condition}`);
    await sleep(pauseAfter(waitedMs));
  }
}
