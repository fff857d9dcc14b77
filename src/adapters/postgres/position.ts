import { type Position, START } from '../../events/envelope.js';

const DIGITS = 19;

/** A bigint, padded so that positions compare as strings do. */
export function positionOf(value: string): Position {
  return value === '0' ? START : (value.padStart(DIGITS, '0') as Position);
}

export function bigintOf(position: Position): bigint {
  return position === START ? 0n : BigInt(position);
}
