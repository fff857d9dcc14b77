import { type Position, START } from '../../events/envelope.js';

const DIGITS = 19;
const LAST = 2n ** 63n - 1n;

/** A bigint, padded so that positions compare as strings do. */
export function positionOf(value: string): Position {
  return value === '0' ? START : (value.padStart(DIGITS, '0') as Position);
}

export function bigintOf(position: Position): bigint {
  return position === START ? 0n : BigInt(position);
}

/** What a person types: leading zeros or not. */
export function parsePosition(text: string): Position | undefined {
  const value = /^\d{1,19}$/.test(text) ? BigInt(text) : undefined;
  return value === undefined || value > LAST ? undefined : positionOf(String(value));
}

export const shownPosition = (position: Position): string => String(bigintOf(position));

/** Positions have no gaps, so as many events stand between the two. */
export function positionBack(position: Position, events: number): Position {
  const value = bigintOf(position) - BigInt(events);
  return value > 0n ? positionOf(String(value)) : START;
}
