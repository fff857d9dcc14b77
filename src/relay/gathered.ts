import type { RecordedEvent } from '../events/envelope.js';
import { limits } from '../limits.js';
import type { LivePage } from '../ports/event-log.js';
import { textBytes } from '../ports/log-rules.js';

/** Joins several full pages into one while the relay is far behind, to save sends. A page that is not full is sent alone. */
export async function* gathered(pages: AsyncIterable<LivePage>): AsyncGenerator<LivePage> {
  let events: readonly RecordedEvent[] = [];
  let bytes = 0;
  for await (const page of pages) {
    events = events.length === 0 ? page.events : [...events, ...page.events];
    for (const event of page.events) bytes += textBytes(event);
    const isFull = page.events.length * 2 >= limits.readPageEventsMax;
    if (isFull && !page.live && events.length < limits.relayStepEventsMax && bytes < limits.relayStepBytesMax) continue;
    yield { events, position: page.position, live: page.live };
    events = [];
    bytes = 0;
  }
}
