import fc from 'fast-check';
import { type Position, type RecordedEvent, START } from '../../src/events/envelope.js';
import type { AllStreamsFilter, EventLog, LivePage } from '../../src/ports/event-log.js';

/** How a subscriber is told what comes next. */
export interface DrawnTelling {
  /** It is woken for so many events, and not for the others that stand there; for none, in vain. */
  readonly events: number;
  /** Then it is told again what came last, so many events of it; and of these not the very last ones. */
  readonly again: number;
  readonly withoutLast: number;
  /** It is told that nothing later was committed. */
  readonly saysLive: boolean;
  /** Its subscription ends, as when a lease is lost. */
  readonly ends: boolean;
}

const oneIn = (many: number) => fc.nat(many - 1).map((one) => one === 0);
const orNone = (numbers: fc.Arbitrary<number>) => fc.oneof(fc.constant(0), numbers);

/** However it stammers, it gets on: who is told of nothing, or interrupted before every step, gets nowhere with reason. */
const getsOn = (tellings: readonly DrawnTelling[]): boolean =>
  tellings.some(({ events }) => events > 0) && tellings.filter(({ ends }) => ends).length * 3 <= tellings.length;

export const drawnTellings: fc.Arbitrary<DrawnTelling[]> = fc
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
  .filter(getsOn);

/** A log whose subscribers are woken too often, too late and for what they have seen before, in the drawn ways by turns. */
export function stammering(log: EventLog, tellings: readonly DrawnTelling[]): EventLog {
  let told = 0;
  const next = () => tellings[told++ % tellings.length] as DrawnTelling;

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
        // What it was told so far has been written then.
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
