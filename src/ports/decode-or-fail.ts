import type { Codec, TypedEvent } from '../events/codec.js';
import type { RecordedEvent } from '../events/envelope.js';
import { TerminalError } from './errors.js';

/** Thrown by a reader that must not skip an event in a version that this process does not know. */
export class NewerVersion extends TerminalError {
  constructor({ stream, type, schema }: RecordedEvent) {
    super(`${stream} holds ${type} v${schema}, of a newer version`);
  }
}

/** For readers whose result could be wrong without the event. A process that knows its version has to read it. */
export function decodeOrFail(codec: Codec, recorded: RecordedEvent): TypedEvent {
  const event = codec.decode(recorded);
  if (!event) throw new NewerVersion(recorded);
  return event;
}
