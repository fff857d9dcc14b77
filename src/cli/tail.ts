import { type Position, type RecordedEvent, START } from '../events/envelope.js';
import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import type { AllStreamsFilter } from '../ports/event-log.js';
import type { OpenedLog } from './opened-log.js';

export type WriteEvent = (event: RecordedEvent) => Promise<void>;

/** The last events that pass the filter, oldest first, and the end of the log. */
export async function newest(
  { log, positions }: OpenedLog,
  count: number,
  filter: AllStreamsFilter,
): Promise<{ readonly events: readonly RecordedEvent[]; readonly position: Position }> {
  const position = await log.head();
  let events: readonly RecordedEvent[] = [];
  let end = position;
  // All streams are read only forwards. So read back in growing strides, each of them once.
  for (let stride = count; events.length < count && end > START; stride *= 2) {
    const start = await positions.back(end, stride);
    events = [...(await lastBetween(log, start, end, count, filter)), ...events].slice(-count);
    end = start;
  }
  return { events, position };
}

async function lastBetween(
  log: OpenedLog['log'],
  start: Position,
  end: Position,
  count: number,
  filter: AllStreamsFilter,
): Promise<readonly RecordedEvent[]> {
  let events: RecordedEvent[] = [];
  for await (const page of log.readAll(start, filter)) {
    const within = page.events.filter(({ position }) => position !== undefined && isUpTo(position, end));
    events = [...events, ...within].slice(-count);
    if (page.position >= end) break;
  }
  return events;
}

/** Where a stride begins, the position has no id, so it compares below that of the event there. */
const isUpTo = (position: Position, end: Position): boolean => position <= end || position.startsWith(`${end}/`);

/** Writes all events after a position. Returns the end of the log. */
export async function writeAfter(
  log: OpenedLog['log'],
  position: Position,
  filter: AllStreamsFilter,
  write: WriteEvent,
): Promise<Position> {
  let reached = position;
  for await (const page of log.readAll(position, filter)) {
    for (const event of page.events) await write(event);
    reached = page.position;
  }
  return reached;
}

/** Writes new events until the log cannot be read. */
export async function follow(
  log: OpenedLog['log'],
  position: Position,
  { filter, write, clock }: { readonly filter: AllStreamsFilter; readonly write: WriteEvent; readonly clock: Clock },
): Promise<never> {
  for (let reached = position; ; await clock.sleep(limits.commandLookMs)) {
    reached = await writeAfter(log, reached, filter, write);
  }
}
