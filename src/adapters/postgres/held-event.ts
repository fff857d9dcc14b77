import { type Position, START } from '../../events/envelope.js';
import type { Continuity, LogWentBack } from '../../ports/continuity.js';
import { LogUnavailable, RetryableError } from '../../ports/errors.js';
import { namedEvent, shownPosition } from './position.js';

/** A gap before later events is a partition that is detached. */
const HELD = `
  SELECT h.held, pg_is_in_recovery(), NOT h.held AND EXISTS (
    SELECT FROM log.partitions p
    WHERE p.first <= $1::bigint AND p.until > $1::bigint
      AND NOT EXISTS (SELECT FROM log.events e WHERE e.position >= p.first AND e.position < p.until)
      AND EXISTS (SELECT FROM log.events e WHERE e.position >= p.until)
  )
  FROM (
    SELECT EXISTS (SELECT FROM log.events WHERE position = $1::bigint AND ($2::uuid IS NULL OR id = $2)) AS held
  ) h`;

/** Runs one query. Booleans are those of the driver, or the text of the server. */
type Ask = (text: string, values: unknown[]) => Promise<readonly (readonly unknown[])[]>;

export async function holdsEvent(position: Position, ask: Ask): Promise<boolean> {
  if (position === START) return true;
  const named = namedEvent(position);
  if (!named) return false;
  const [[isHeld, isStandby, isArchived] = []] = await ask(HELD, [String(named.place), named.id ?? null]);
  if (isTrue(isHeld)) return true;
  // A standby may lack an event that its primary has.
  if (isTrue(isStandby)) throw new RetryableError('the server is a standby, and behind its primary');
  if (isTrue(isArchived))
    throw new LogUnavailable(`the partition of position ${named.place} is not attached to the log`);
  return false;
}

/** Queried first on each new connection, because the address may lead to another server than before. */
export async function requireSameLog(continuity: Continuity, ask: Ask): Promise<void> {
  const { newest } = continuity;
  if (!(await holdsEvent(newest, ask))) throw breakOffAt(newest, continuity);
}

export function breakOffAt(position: Position, continuity: Continuity): LogWentBack {
  const { id } = namedEvent(position) ?? {};
  const reason = `the event log in PostgreSQL went back: position ${shownPosition(position)} does not hold event ${id} any more`;
  return continuity.breakOff(reason, { position });
}

const isTrue = (value: unknown): boolean => value === true || value === 't';
