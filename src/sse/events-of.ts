import type { Codec, TypedEvent } from '../events/codec.js';
import { decodeOrFail } from '../ports/decode-or-fail.js';
import type { EventLog, ReadStreamOptions } from '../ports/event-log.js';

/** The events of one stream, typed. One of a newer version ends the reading: what follows could rest on it. */
export async function* eventsOf(
  { log, codec }: { readonly log: Pick<EventLog, 'readStream'>; readonly codec: Codec },
  stream: string,
  options?: ReadStreamOptions,
): AsyncIterable<TypedEvent> {
  for await (const page of log.readStream(stream, options)) {
    for (const recorded of page) yield decodeOrFail(codec, recorded);
  }
}
