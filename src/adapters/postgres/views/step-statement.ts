import type { Build, Parked, RowChange, Step } from '../../../ports/read-models/read-models.js';
import type { AnyTable } from '../../../ports/read-models/table.js';
import { jsonArray, textArray } from '../binary-arrays.js';
import { arrayTypeOf, storedOf, tableOf, valuesOf } from './tables.js';

interface Statement {
  readonly text: string;
  readonly values: unknown[];
}

/** Adds a parameter, and returns its placeholder. */
type Placeholder = (value: unknown) => string;

/**
 * An atomic step in one statement, so that a live lane needs one round trip for a step. It moves the checkpoint, and writes
 * rows only if the checkpoint has moved: a lane with an old checkpoint or an old epoch writes nothing.
 */
export function stepStatement(build: Build, epoch: number, step: Step): Statement {
  const values: unknown[] = [];
  const place: Placeholder = (value) => `$${values.push(value)}`;
  const writes = [
    ...rowsOf(build, step.changes, place),
    ...(step.parked ? [parking(build, step.parked, place)] : []),
    ...(step.unparked === undefined ? [] : [unparking(build, step.unparked, place)]),
  ];
  const named = writes.map((write, nth) => `write_${nth} AS (${write})`);
  const text = `WITH ${[`moved AS (${move(build, epoch, step, place)})`, ...named].join(', ')} SELECT moved FROM moved`;
  return { text, values };
}

const IF_MOVED = 'EXISTS (SELECT FROM moved)';

// No wait for the flush: a step that a crash loses is made again from the log.
function move({ projection, build }: Build, epoch: number, { from, to, handled }: Step, place: Placeholder): string {
  return `
    UPDATE views.builds SET position = ${place(to)}, handled = ${place(handled)}
    FROM set_config('synchronous_commit', 'off', true)
    WHERE projection = ${place(projection)} AND build = ${place(build)} AND epoch = ${place(epoch)}
      AND position = ${place(from)} AND state <> 'retired'
    RETURNING true AS moved`;
}

/** One INSERT for each table with changed rows, and one DELETE for each table with removed rows. */
function rowsOf(build: Build, changes: readonly RowChange[], place: Placeholder): string[] {
  const tables = new Set(changes.map(({ table }) => table));
  return [...tables].flatMap((table) => {
    const changed = changes.filter((change) => change.table === table);
    const written = changed.filter(({ row }) => row !== null);
    const removed = changed.filter(({ row }) => row === null);
    return [
      ...(written.length > 0 ? [upsert(table, build, written, place)] : []),
      ...(removed.length > 0 ? [removal(table, build, removed, place)] : []),
    ];
  });
}

function upsert(table: AnyTable, build: Build, changes: readonly RowChange[], place: Placeholder): string {
  const { columns, isOnlySearched } = table;
  // Each change has a row of its table.
  const rows = changes.map(({ row }) => row as never);
  const documents = isOnlySearched ? [] : [place(jsonArray(rows.map((row) => JSON.stringify(row))))];
  const names = [...columns.map(({ name }) => name), ...documents.map(() => 'doc')];
  const taken = [...columns.map((column) => storedOf(column, `new.${column.name}`)), ...documents.map(() => 'new.doc')];
  const arrays = [
    `${place(textArray(changes.map(({ key }) => key)))}::text[]`,
    ...columns.map((column) => `${place(valuesOf(column, rows))}::${arrayTypeOf(column)}`),
    ...documents.map((document) => `${document}::json[]`),
  ];
  return `
    INSERT INTO ${tableOf(table, build)} (${['key', ...names].join(', ')})
    SELECT ${['new.key', ...taken].join(', ')}
    FROM unnest(${arrays.join(', ')}) AS new (${['key', ...names].join(', ')}) WHERE ${IF_MOVED}
    ON CONFLICT (key) DO UPDATE SET ${names.map((name) => `${name} = excluded.${name}`).join(', ')}`;
}

function removal(table: AnyTable, build: Build, changes: readonly RowChange[], place: Placeholder): string {
  const keys = place(textArray(changes.map(({ key }) => key)));
  return `DELETE FROM ${tableOf(table, build)} WHERE key = ANY(${keys}::text[]) AND ${IF_MOVED}`;
}

function parking({ projection, build }: Build, { stream, at, poison }: Parked, place: Placeholder): string {
  const values = [projection, build, stream, at, JSON.stringify(poison)].map(place).join(', ');
  return `
    INSERT INTO views.parked (projection, build, stream, at, poison)
    SELECT ${values} WHERE ${IF_MOVED}
    ON CONFLICT (projection, build, stream) DO UPDATE SET poison = excluded.poison, replay = false`;
}

const unparking = ({ projection, build }: Build, stream: string, place: Placeholder): string => `
  DELETE FROM views.parked
  WHERE projection = ${place(projection)} AND build = ${place(build)} AND stream = ${place(stream)} AND ${IF_MOVED}`;
