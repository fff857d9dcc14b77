import type { Codec, TypedEvent } from '../events/codec.js';
import type { RecordedEvent } from '../events/envelope.js';
import { TerminalError } from './errors.js';

/** What a reader throws that must not leave out an event which this process does not know. */
export class NewerVersion extends TerminalError {
  constructor({ stream, type, schema }: RecordedEvent) {
    super(`${stream} holds ${type} v${schema}, of a newer version`);
  }
}

/** For readers whose result could be wrong without the event: they leave it to a process that knows it. */
export function decodeOrFail(codec: Codec, recorded: RecordedEvent): TypedEvent {
  const event = codec.decode(recorded);
  if (!event) throw new NewerVersion(recorded);
  return event;
}
