import type { Codec } from '../events/codec.js';
import type { RecordedEvent } from '../events/envelope.js';
import { TerminalError } from '../ports/errors.js';
import type { Keys } from '../ports/keys.js';

/** What a subscription to the streams of tenants does with each event. */
export function recordKeys(codec: Codec, keys: Pick<Keys, 'record'>): (event: RecordedEvent) => Promise<void> {
  return async (recorded) => {
    const event = codec.decode(recorded);
    // It may be a revocation. A process that cannot decode it stops, and leaves the subscription to a newer process.
    if (!event) throw new TerminalError(`${recorded.type} v${recorded.schema} is of a newer version`);
    if (event.type === 'ApiKeyIssued' || event.type === 'ApiKeyRevoked') await keys.record(event);
  };
}
