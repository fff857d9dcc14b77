import type { Codec } from '../events/codec.js';
import type { RecordedEvent } from '../events/envelope.js';
import { orFail } from '../ports/event-log.js';
import type { Keys } from '../ports/keys.js';

/** The handler of the subscription to the streams of tenants. */
export function recordKeys(codec: Codec, keys: Pick<Keys, 'record'>): (event: RecordedEvent) => Promise<void> {
  return async (recorded) => {
    // It may be a revocation. A process that cannot decode it stops, and leaves the subscription to a newer process.
    const event = orFail(recorded, ...(await codec.decode([recorded])));
    if (event.type === 'ApiKeyIssued' || event.type === 'ApiKeyRevoked') await keys.record(event);
  };
}
