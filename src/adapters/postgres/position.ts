import { type Position, START } from '../../events/envelope.js';

const DIGITS = 19;
const LAST = 2n ** 63n - 1n;
const SHAPE = /^(\d{1,19})(?:\/([0-9a-f-]{36}))?$/;

/** A padded bigint, so that positions compare as strings do, followed by the id of the event. */
export function positionOf(value: string, eventId?: string): Position {
  if (value === '0') return START;
  const digits = value.padStart(DIGITS, '0');
  return (eventId === undefined ? digits : `${digits}/${eventId}`) as Position;
}

export function bigintOf(position: Position): bigint {
  return position === START ? 0n : BigInt(position.slice(0, DIGITS));
}

/** Parses a position from a user or from the API, with or without leading zeros and the id of the event. */
export function parsePosition(text: string): Position | undefined {
  const [, digits, eventId] = SHAPE.exec(text) ?? [];
  const value = digits === undefined ? undefined : BigInt(digits);
  return value === undefined || value > LAST ? undefined : positionOf(String(value), eventId);
}

/** The place and the id of a position. The id may be absent. Undefined for a position of another engine. */
export function namedEvent(
  position: Position,
): { readonly place: bigint; readonly id: string | undefined } | undefined {
  const known = parsePosition(position);
  return known === undefined ? undefined : { place: bigintOf(known), id: SHAPE.exec(known)?.[2] };
}

export const shownPosition = (position: Position): string => String(bigintOf(position));

/** Positions have no gaps, so the difference is the number of events. */
export function positionBack(position: Position, events: number): Position {
  const value = bigintOf(position) - BigInt(events);
  return value > 0n ? positionOf(String(value)) : START;
}
