import { type Position, START } from '../../events/envelope.js';

/** The place of a record in the server's log. An old transaction has many prepares and one commit, so it needs both. */
export interface ServerPosition {
  readonly commit: bigint;
  readonly prepare: bigint;
}

/** The digits of the largest 64-bit number, so that padded positions compare as strings do. */
const DIGITS = 20;
const LAST = 2n ** 64n - 1n;
const SHAPE = /^(\d{1,20})\/(\d{1,20})(?:\/([0-9a-f-]{36}))?$/;

/** The place, followed by the id of its event if it is known. */
export function positionOf({ commit, prepare }: ServerPosition, eventId?: string): Position {
  const place = `${digits(commit)}/${digits(prepare)}`;
  return (eventId === undefined ? place : `${place}/${eventId}`) as Position;
}

/** The position in the client's form. */
export function serverPosition(position: Position): ServerPosition | 'start' {
  if (position === START) return 'start';
  const [commit = '', prepare = ''] = position.split('/');
  return { commit: BigInt(commit), prepare: BigInt(prepare) };
}

/** Parses a position from a user or from the API, with or without leading zeros and the id of the event. */
export function parsePosition(text: string): Position | undefined {
  const named = namedEvent(text);
  return named && positionOf(named.place, named.id);
}

/** The place and the id of a position. The id may be absent. Undefined for a position of another engine. */
export function namedEvent(
  text: string,
): { readonly place: ServerPosition; readonly id: string | undefined } | undefined {
  const [, commit, prepare, id] = SHAPE.exec(text) ?? [];
  if (commit === undefined || prepare === undefined) return undefined;
  const place = { commit: BigInt(commit), prepare: BigInt(prepare) };
  return place.commit > LAST || place.prepare > LAST ? undefined : { place, id };
}

export function shownPosition(position: Position): string {
  const place = serverPosition(position);
  return place === 'start' ? '0' : `${place.commit}/${place.prepare}`;
}

/** Bytes of the server's log between two positions. 0 if `to` is not later. */
export function distanceBetween(from: Position, to: Position): number {
  return from >= to ? 0 : Number(commitOf(to) - commitOf(from));
}

function commitOf(position: Position): bigint {
  const place = serverPosition(position);
  return place === 'start' ? 0n : place.commit;
}

const digits = (value: bigint): string => String(value).padStart(DIGITS, '0');
