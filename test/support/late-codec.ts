import type { Codec } from '../../src/events/codec.js';
import { codec } from './new-events.js';

/** A codec that awaits this before each call, as one does that fetches keys. */
export function lateCodec(ready: () => Promise<unknown>): Codec {
  return {
    async encode(...args) {
      await ready();
      return codec.encode(...args);
    },
    async decode(page) {
      await ready();
      return codec.decode(page);
    },
  };
}

/** Each call takes fewer turns of the event loop than the one before, so calls at the same time would overtake each other. */
export function everFasterCodec(): Codec {
  let turnsOfNext = 20;
  return lateCodec(async () => {
    const turns = turnsOfNext;
    turnsOfNext = Math.max(1, turns - 2);
    for (let nth = 0; nth < turns; nth++) await new Promise((resolve) => setImmediate(resolve));
  });
}
