import type { Codec, TypedEvent } from '../events/codec.js';
import type { RecordedEvent } from '../events/envelope.js';
import { TerminalError } from '../ports/errors.js';
import type { EventLog, ReadStreamOptions } from '../ports/event-log.js';

/** What a reader throws that must not leave out an event which this process does not know. */
export function newerVersion({ stream, type, schema }: RecordedEvent): TerminalError {
  return new TerminalError(`${stream} holds ${type} v${schema}, of a newer version`);
}

/** The events of one stream, typed. One of a newer version ends the reading: what follows could rest on it. */
export async function* eventsOf(
  { log, codec }: { readonly log: Pick<EventLog, 'readStream'>; readonly codec: Codec },
  stream: string,
  options?: ReadStreamOptions,
): AsyncIterable<TypedEvent> {
  for await (const page of log.readStream(stream, options)) {
    for (const recorded of page) {
      const event = codec.decode(recorded);
      if (!event) throw newerVersion(recorded);
      yield event;
    }
  }
}
