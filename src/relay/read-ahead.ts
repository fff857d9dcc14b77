import { LinkedAbort } from '../background/linked-abort.js';

/**
 * Reads the next item while the caller works on the last one, and never two ahead. When the caller leaves, the signal that
 * `source` got is aborted, so that no read stays open.
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
      // The reader gets this error with the page. After the reader has left, it is ignored.
      next.catch(() => {});
      yield item.value;
    }
  } finally {
    left.abort();
    await items.return?.();
  }
}
