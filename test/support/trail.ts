import type { AccessEvent } from '../../src/events/access-events.js';
import type { TypedEvent } from '../../src/events/codec.js';
import { START } from '../../src/events/envelope.js';
import type { EventLog } from '../../src/ports/event-log.js';
import { typedEvents } from './new-events.js';

export type RecordedLook = Extract<TypedEvent, { type: AccessEvent['type'] }>;

/** Every event of the access trails that a log holds. */
export async function recordedLooks(log: Pick<EventLog, 'readAll'>): Promise<RecordedLook[]> {
  const looks: RecordedLook[] = [];
  for await (const { events } of log.readAll(START, { categories: ['access'] })) {
    looks.push(...((await typedEvents(events)) as RecordedLook[]));
  }
  return looks;
}
