import type { Position, RecordedEvent } from '../../events/envelope.js';
import type { LackedEvent, LogGap } from '../../ports/event-log.js';
import { recordLimits } from '../../record-limits.js';
import { bigintOf, positionOf } from './position.js';

interface LogAround {
  /** The next events after a position. */
  read(after: Position): Promise<readonly PositionedEvent[]>;
  ask(text: string, values: unknown[]): Promise<unknown[][]>;
}

type PositionedEvent = RecordedEvent & { readonly position: Position };

const NEXT = 'SELECT position, id FROM log.events WHERE position > $1 ORDER BY position LIMIT 1';

/**
 * The streams that lack an event between their last one before the gap and their first one behind it. The rows of the streams name
 * events that were deleted, too. A stream has at most one range of missing revisions around a gap.
 */
const LACKED = `
  SELECT s.tenant, s.stream, before.revision + 1, coalesce(behind.revision, s.revision + 1) - before.revision - 1
  FROM log.streams s
  CROSS JOIN LATERAL (
    SELECT coalesce(max(e.revision), -1) AS revision FROM log.events e
    WHERE e.stream = s.stream AND e.position BETWEEN s.first AND $1 - 1
  ) before
  CROSS JOIN LATERAL (
    SELECT min(e.revision) AS revision FROM log.events e
    WHERE e.stream = s.stream AND e.position BETWEEN $2 + 1 AND s.last
  ) behind
  WHERE s.first <= $2 AND s.last >= $1 AND coalesce(behind.revision, s.revision + 1) - before.revision > 1
  ORDER BY s.stream`;

/** The gap that a reader met after a position. Undefined if it is none, too large, or has events of unknown streams. */
export async function gapAfter(position: Position, { read, ask }: LogAround): Promise<LogGap | undefined> {
  const before: PositionedEvent[] = [];
  let last = bigintOf(position);
  let next: PositionedEvent | undefined;
  for (const event of await read(position)) {
    if (bigintOf(event.position) !== last + 1n) {
      next = event;
      break;
    }
    before.push(event);
    last++;
  }
  next ??= await nextAfter(last, { read, ask });
  if (!next) return undefined;
  const upTo = bigintOf(next.position) - 1n;
  const missing = upTo - last;
  if (missing < 1n || missing > BigInt(recordLimits.logGapMax)) return undefined;
  const rows = (await ask(LACKED, [last + 1n, upTo])) as [string, string, string, string][];
  const known = rows.reduce((sum, [, , , events]) => sum + BigInt(events), 0n);
  if (known < missing) return undefined;
  return { before, lacked: rows.map(lackedOf), next };
}

async function nextAfter(last: bigint, { read, ask }: LogAround): Promise<PositionedEvent | undefined> {
  const [row] = (await ask(NEXT, [last])) as [string, string][];
  if (row === undefined) return undefined;
  const [event] = await read(positionOf(String(BigInt(row[0]) - 1n)));
  return event;
}

const lackedOf = ([tenant, stream, revision]: [string, string, string, string]): LackedEvent => ({
  ...{ tenant, stream },
  revision: Number(revision),
});
