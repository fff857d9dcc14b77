import { type Position, START } from '../../../src/events/envelope.js';
import type { Evidence } from './evidence.js';

/** 3: positions follow each other, without a gap where they are counted, and so do the revisions of each stream. */
export function* isInOrder({ events }: Evidence): Iterable<string> {
  const revisions = new Map<string, number>();
  const ids = new Set<string>();
  let last = START;
  for (const { id, stream, revision, position } of events) {
    if (position === undefined || !follows(last, position))
      yield `3: position ${position} comes after ${last || 'none'}`;
    last = position ?? last;
    const due = (revisions.get(stream) ?? -1) + 1;
    if (revision !== due) yield `3: ${stream} has revision ${revision} where ${due} is due`;
    revisions.set(stream, revision);
    if (ids.has(id)) yield `3: the event ${id} occurs twice`;
    ids.add(id);
  }
}

function follows(last: Position, position: Position): boolean {
  const counted = countOf(position);
  return counted === undefined ? position > last : counted === (countOf(last) ?? 0n) + 1n;
}

/** Postgres and the log in memory count positions, and name the event behind the number. */
function countOf(position: Position): bigint | undefined {
  const [, digits] = /^(\d{19})(?:\/[0-9a-f-]{36})?$/.exec(position) ?? [];
  return digits === undefined ? undefined : BigInt(digits);
}
