import { type Position, type RecordedEvent, START } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import { traceparentIn } from './spans.js';

/** The traces whose events a step applies, as many as a reader of the step looks at. */
export function linksOf(events: readonly RecordedEvent[]): readonly string[] {
  const links = new Map<string, string>();
  for (const event of events.slice(0, limits.tracedStepEventsMax)) {
    const traceparent = traceparentIn(event);
    // One for each trace: the events of a turn name its request, and then its generation.
    if (traceparent !== undefined) links.set(traceparent.slice(3, 35), traceparent);
    if (links.size === limits.tracedStepLinksMax) break;
  }
  return [...links.values()];
}

/** Positions are opaque, but those of every engine begin with a number that grows with the log. */
export function distanceBetween(from: Position, to: Position): number | undefined {
  const [first, last] = [placeOf(from), placeOf(to)];
  return first === undefined || last === undefined ? undefined : Number(last - first);
}

function placeOf(position: Position): bigint | undefined {
  if (position === START) return 0n;
  const digits = /^\d+/.exec(position)?.[0];
  return digits === undefined ? undefined : BigInt(digits);
}
