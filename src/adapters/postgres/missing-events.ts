import type { RecordedEvent } from '../../events/envelope.js';
import { EventMissing, EventsMissing } from '../../ports/errors.js';
import type { ReadStreamOptions } from '../../ports/event-log.js';

// An operator may detach an old partition. Its events are neither lost nor skipped: a read that needs them fails.

export interface PageOfStream {
  readonly events: readonly RecordedEvent[];
  readonly isAll: boolean;
}

/** Every page has successive revisions from the first one that was asked for, which exists; backwards down to 0. */
export function requireGapless(
  stream: string,
  direction: ReadStreamOptions['direction'],
  from: number,
  { events, isAll }: PageOfStream,
): void {
  const step = direction === 'forwards' ? 1 : -1;
  let next = from;
  for (const { revision } of events) {
    if (revision !== next) throw new EventMissing(stream, next);
    next += step;
  }
  if (events.length === 0 || (direction === 'backwards' && isAll && next >= 0)) throw new EventMissing(stream, next);
}

/** Thrown by a read of all streams, which must stop. */
export const missingPositions = (after: bigint, upTo: bigint): EventsMissing =>
  new EventsMissing(
    `the log lacks events behind position ${after}, up to ${upTo}: the partition that holds them is not attached`,
  );
