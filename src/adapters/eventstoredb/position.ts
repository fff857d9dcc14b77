import { type Position, START } from '../../events/envelope.js';

/** Where a record stands in the server's log. An old transaction has many prepares and one commit, so it takes both. */
export interface ServerPosition {
  readonly commit: bigint;
  readonly prepare: bigint;
}

/** As many as the greatest number of 64 bits has, so that positions compare as strings do. */
const DIGITS = 20;

export function positionOf({ commit, prepare }: ServerPosition): Position {
  return `${digits(commit)}/${digits(prepare)}` as Position;
}

/** What the client takes to read from there on. */
export function serverPosition(position: Position): ServerPosition | 'start' {
  if (position === START) return 'start';
  const [commit = '', prepare = ''] = position.split('/');
  return { commit: BigInt(commit), prepare: BigInt(prepare) };
}

const digits = (value: bigint): string => String(value).padStart(DIGITS, '0');
