import { type Position, START } from '../events/envelope.js';
import type { AllStreamsFilter, EventLog } from '../ports/event-log.js';
import { CommandFailed } from './failures.js';
import type { ProjectionStanding } from './standing.js';

/** The events that a projection of this version follows. */
export interface ProgramProjection {
  readonly name: string;
  readonly version: number;
  readonly filter: AllStreamsFilter;
}

/** The counts of a projection, and those of the log up to its checkpoint. */
export interface Reconciled {
  readonly name: string;
  readonly build: number;
  readonly handled: number;
  readonly expected: number;
}

/**
 * Compares a count of the log with the number of handled events. No lag shows an event that was skipped before the
 * checkpoint. Only a count from the beginning does.
 */
export async function reconciled(
  log: Pick<EventLog, 'readAll'>,
  followed: readonly ProgramProjection[],
  { name, build, version, position, handled }: ProjectionStanding,
): Promise<Reconciled> {
  const filter = followed.find((each) => each.name === name && each.version === version)?.filter;
  if (!filter)
    throw new CommandFailed(`The server builds version ${version} of ${name}, which this program does not know`);
  return { name, build, handled, expected: await countUpTo(log, position as Position, filter) };
}

async function countUpTo(log: Pick<EventLog, 'readAll'>, end: Position, filter: AllStreamsFilter): Promise<number> {
  let count = 0;
  for await (const page of log.readAll(START, filter)) {
    if (page.position <= end) count += page.events.length;
    else return count + page.events.filter(({ position = end }) => position <= end).length;
  }
  return count;
}
