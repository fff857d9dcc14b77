import { ENDED, LinkedAbort } from '../background/linked-abort.js';
import type { Clock } from '../ports/clock.js';

/**
 * The pages of a source, and once after a page that no other follows within `quietMs`: undefined. The source's signal is
 * aborted when the reader leaves, so that nothing waits for a page that may not come.
 */
export async function* pagesAndPauses<T>(
  source: (over: AbortSignal) => AsyncIterable<T>,
  over: AbortSignal,
  quietMs: number,
  clock: Pick<Clock, 'sleep'>,
): AsyncGenerator<T | undefined> {
  const left = new LinkedAbort([over]);
  const pages = source(left.signal)[Symbol.asyncIterator]();
  let next = pages.next();
  try {
    for (let isQuiet = true; ; ) {
      const come: IteratorResult<T> | undefined = isQuiet ? await next : await nextWithin(next, quietMs, clock);
      if (come?.done) return;
      isQuiet = come === undefined;
      yield come?.value;
      if (come) next = pages.next();
    }
  } finally {
    left.abort();
    // The reader has left, so a failure of the next page is ignored.
    next.catch(() => {});
    await pages.return?.();
  }
}

async function nextWithin<T>(
  next: Promise<IteratorResult<T>>,
  quietMs: number,
  clock: Pick<Clock, 'sleep'>,
): Promise<IteratorResult<T> | undefined> {
  const come = new AbortController();
  try {
    return await Promise.race([next, clock.sleep(quietMs, come.signal).then(() => undefined)]);
  } finally {
    come.abort(ENDED);
  }
}
