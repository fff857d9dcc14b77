import fc from 'fast-check';
import { type Position, type RecordedEvent, START } from '../../src/events/envelope.js';
import type { AllStreamsFilter, EventLog, LivePage } from '../../src/ports/event-log.js';

/** How a subscriber gets its next page. */
export interface DrawnDelivery {
  /** The page has this many of the waiting events. 0: the subscriber is woken without an event. */
  readonly events: number;
  /** Then this many of the last events are delivered again, without the last `withoutLast` of them. */
  readonly again: number;
  readonly withoutLast: number;
  /** The page says that it is live. */
  readonly saysLive: boolean;
  /** The subscription ends, as after the loss of a lease. */
  readonly ends: boolean;
}

const oneIn = (many: number) => fc.nat(many - 1).map((one) => one === 0);
const orNone = (numbers: fc.Arbitrary<number>) => fc.oneof(fc.constant(0), numbers);

/** A subscriber makes progress only if some pages have events, and if it is not interrupted before every step. */
const makesProgress = (deliveries: readonly DrawnDelivery[]): boolean =>
  deliveries.some(({ events }) => events > 0) && deliveries.filter(({ ends }) => ends).length * 3 <= deliveries.length;

export const drawnDeliveries: fc.Arbitrary<DrawnDelivery[]> = fc
  .array(
    fc.record({
      events: orNone(fc.integer({ min: 5, max: 30 })),
      again: orNone(fc.nat(40)),
      withoutLast: orNone(fc.nat(10)),
      saysLive: oneIn(4),
      ends: oneIn(8),
    }),
    { minLength: 5, maxLength: 20, size: 'max' },
  )
  .filter(makesProgress);

/** A log that delivers to its subscribers too often, late, and again, in the drawn ways one after the other. */
export function redelivering(log: EventLog, deliveries: readonly DrawnDelivery[]): EventLog {
  let nth = 0;
  const next = () => deliveries[nth++ % deliveries.length] as DrawnDelivery;

  async function* subscribe(after: Position, signal: AbortSignal, filter?: AllStreamsFilter): AsyncIterable<LivePage> {
    const seen = await eventsUpTo(log, after, filter);
    for await (const page of log.subscribe(after, signal, filter)) {
      let rest = page.events;
      let isWhole = false;
      while (!isWhole) {
        const { events, again, withoutLast, saysLive, ends } = next();
        const piece = rest.slice(0, events);
        rest = rest.slice(events);
        isWhole = rest.length === 0;
        seen.push(...piece);
        const position = isWhole ? page.position : (seen.at(-1)?.position ?? after);
        const live = isWhole ? page.live : saysLive;
        yield { events: piece, position, live };
        // The subscriber has written the delivered events by now.
        if (ends && live) return;
        const repeated = again === 0 ? [] : seen.slice(-again).slice(0, withoutLast === 0 ? undefined : -withoutLast);
        const last = repeated.at(-1)?.position;
        if (last !== undefined) yield { events: repeated, position: last, live: saysLive };
      }
    }
  }

  return {
    continuity: log.continuity,
    holds: (position) => log.holds(position),
    append: (...args) => log.append(...args),
    findCommand: (command) => log.findCommand(command),
    readStream: (...args) => log.readStream(...args),
    readAll: (...args) => log.readAll(...args),
    subscribe,
    head: () => log.head(),
    parsePosition: (text) => log.parsePosition(text),
    backlog: (...args) => log.backlog(...args),
    identity: () => log.identity(),
    knownIdentity: () => log.knownIdentity(),
    close: () => log.close(),
  };
}

async function eventsUpTo(log: EventLog, position: Position, filter?: AllStreamsFilter): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const page of log.readAll(START, filter)) {
    events.push(...page.events.filter((event) => (event.position ?? START) <= position));
  }
  return events;
}
