import type { Codec, TypedEvent } from '../events/codec.js';
import { decodeOrFail } from '../ports/decode-or-fail.js';
import type { EventLog, ReadStreamOptions } from '../ports/event-log.js';

/** The typed events of one stream. Fails at an event of a newer version, because later events may depend on it. */
export async function* eventsOf(
  { log, codec }: { readonly log: Pick<EventLog, 'readStream'>; readonly codec: Codec },
  stream: string,
  options?: ReadStreamOptions,
): AsyncIterable<TypedEvent> {
  for await (const page of log.readStream(stream, options)) {
    for (const recorded of page) yield decodeOrFail(codec, recorded);
  }
}
