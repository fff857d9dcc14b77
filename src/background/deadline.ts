import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves to the result of the work, or to `late` after this time. A later result or error is ignored. */
export async function within<T, L>(milliseconds: number, work: Promise<T>, late: L): Promise<T | L> {
  const settled = new AbortController();
  const deadline = sleep(milliseconds, late, { signal: settled.signal }).catch(() => late);
  try {
    return await Promise.race([work, deadline]);
  } finally {
    settled.abort();
  }
}

/** Settles as the work does, or resolves at once when the signal is aborted. */
export async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  let end = () => {};
  const aborted = new Promise<void>((resolve) => {
    end = resolve;
    signal.addEventListener('abort', end);
  });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', end);
  }
}
