import { type Position, START } from '../../events/envelope.js';
import type { Continuity, LogWentBack } from '../../ports/continuity.js';
import { RetryableError } from '../../ports/errors.js';
import { namedEvent, shownPosition } from './position.js';

const HELD = `
  SELECT EXISTS (SELECT FROM log.events WHERE position = $1 AND ($2::uuid IS NULL OR id = $2)), pg_is_in_recovery()`;

/** Runs one query and answers with its rows; booleans come as the driver has them, or as the server's text. */
type Ask = (text: string, values: unknown[]) => Promise<readonly (readonly unknown[])[]>;

export async function holdsEvent(position: Position, ask: Ask): Promise<boolean> {
  if (position === START) return true;
  const named = namedEvent(position);
  if (!named) return false;
  const [[isHeld, isStandby] = []] = await ask(HELD, [String(named.place), named.id ?? null]);
  if (isTrue(isHeld)) return true;
  // A standby may lack an event that its primary has.
  if (isTrue(isStandby)) throw new RetryableError('the server is a standby, and behind its primary');
  return false;
}

/** Asked on each new connection, before anything else: the server at its other end may be another one than before. */
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
