import { LinkedAbort } from '../background/linked-abort.js';

/**
 * Reads one more while the last one is worked on, and never two. What `source` is given is aborted when nobody wants more,
 * so that nothing waits for what may not come.
 */
export async function* readAhead<T>(
  source: (over: AbortSignal) => AsyncIterable<T>,
  over: AbortSignal,
): AsyncGenerator<T> {
  const left = new LinkedAbort([over]);
  const items = source(left.signal)[Symbol.asyncIterator]();
  let next = items.next();
  try {
    for (let item = await next; !item.done; item = await next) {
      next = items.next();
      // Whoever awaits it hears of it; when nobody does any more, it is no news.
      next.catch(() => {});
      yield item.value;
    }
  } finally {
    left.abort();
    await items.return?.();
  }
}
