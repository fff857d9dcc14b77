import { type Position, START } from '../../events/envelope.js';

/** Where a record stands in the server's log. An old transaction has many prepares and one commit, so it takes both. */
export interface ServerPosition {
  readonly commit: bigint;
  readonly prepare: bigint;
}

/** As many as the greatest number of 64 bits has, so that positions compare as strings do. */
const DIGITS = 20;
const LAST = 2n ** 64n - 1n;
const SHAPE = /^(\d{1,20})\/(\d{1,20})(?:\/([0-9a-f-]{36}))?$/;

/** Behind the place stands the id of the event that has it, where one is known. */
export function positionOf({ commit, prepare }: ServerPosition, eventId?: string): Position {
  const place = `${digits(commit)}/${digits(prepare)}`;
  return (eventId === undefined ? place : `${place}/${eventId}`) as Position;
}

/** What the client takes to read from there on. */
export function serverPosition(position: Position): ServerPosition | 'start' {
  if (position === START) return 'start';
  const [commit = '', prepare = ''] = position.split('/');
  return { commit: BigInt(commit), prepare: BigInt(prepare) };
}

/** What a person types, or the text that the API gives: leading zeros or not, with the event's id or without. */
export function parsePosition(text: string): Position | undefined {
  const named = namedEvent(text);
  return named && positionOf(named.place, named.id);
}

/** The event that a position names; without an id when only its place was given. Nothing for a position of another engine. */
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

/** Bytes of the server's log. 0 when `to` is not later. */
export function distanceBetween(from: Position, to: Position): number {
  return from >= to ? 0 : Number(commitOf(to) - commitOf(from));
}

function commitOf(position: Position): bigint {
  const place = serverPosition(position);
  return place === 'start' ? 0n : place.commit;
}

const digits = (value: bigint): string => String(value).padStart(DIGITS, '0');
