import { type Position, START } from '../../events/envelope.js';

/** Where a record stands in the server's log. An old transaction has many prepares and one commit, so it takes both. */
export interface ServerPosition {
  readonly commit: bigint;
  readonly prepare: bigint;
}

/** As many as the greatest number of 64 bits has, so that positions compare as strings do. */
const DIGITS = 20;
const LAST = 2n ** 64n - 1n;

export function positionOf({ commit, prepare }: ServerPosition): Position {
  return `${digits(commit)}/${digits(prepare)}` as Position;
}

/** What the client takes to read from there on. */
export function serverPosition(position: Position): ServerPosition | 'start' {
  if (position === START) return 'start';
  const [commit = '', prepare = ''] = position.split('/');
  return { commit: BigInt(commit), prepare: BigInt(prepare) };
}

/** What a person types: leading zeros or not. */
export function parsePosition(text: string): Position | undefined {
  const [, commit, prepare] = /^(\d{1,20})\/(\d{1,20})$/.exec(text) ?? [];
  if (commit === undefined || prepare === undefined) return undefined;
  const place = { commit: BigInt(commit), prepare: BigInt(prepare) };
  return place.commit > LAST || place.prepare > LAST ? undefined : positionOf(place);
}

export function shownPosition(position: Position): string {
  const place = serverPosition(position);
  return place === 'start' ? '0' : `${place.commit}/${place.prepare}`;
}

const digits = (value: bigint): string => String(value).padStart(DIGITS, '0');
