import pg from 'pg';
import type { RecordStep, StoredEntry, StoredHead, StoredTreeEdge, Writer, WrittenStep } from '../../ports/record.js';
import { bigintArray, bytesArray, integerArray, textArray, uuidArray } from './binary-arrays.js';
import type { ConnectionPool, Query } from './connection-pool.js';

/** Moves the checkpoint. Everything else in the statement is written only if it has moved. */
const WRITE = `
  WITH moved AS (
    UPDATE runtime.checkpoints SET position = $4 WHERE name = $1 AND epoch = $2 AND position = $3 RETURNING true AS moved
  ), entries AS (
    INSERT INTO views.record_entries (tenant, index, stream, revision, event, hash, leaf)
    SELECT new.* FROM unnest($5::text[], $6::bigint[], $7::text[], $8::integer[], $9::uuid[], $10::bytea[], $11::text[]) new
    WHERE EXISTS (SELECT FROM moved)
  ), tiles AS (
    INSERT INTO views.record_tiles (tenant, level, index, hash)
    SELECT new.* FROM unnest($12::text[], $13::integer[], $14::bigint[], $15::bytea[]) new WHERE EXISTS (SELECT FROM moved)
  ), trees AS (
    INSERT INTO views.record_trees (tenant, size, edge, stopped)
    SELECT new.* FROM unnest($16::text[], $17::bigint[], $18::bytea[], $19::text[]) new WHERE EXISTS (SELECT FROM moved)
    ON CONFLICT (tenant) DO UPDATE SET size = excluded.size, edge = excluded.edge, stopped = excluded.stopped
  ), chains AS (
    INSERT INTO views.record_chains (tenant, name, next, entry, hash)
    SELECT new.* FROM unnest($20::text[], $21::text[], $22::bigint[], $23::bigint[], $24::bytea[]) new
    WHERE EXISTS (SELECT FROM moved)
    ON CONFLICT (tenant, name) DO UPDATE SET next = excluded.next, entry = excluded.entry, hash = excluded.hash
  ), owners AS (
    INSERT INTO views.record_owners (tenant, name, next, entry, hash)
    SELECT new.* FROM unnest($25::text[], $26::text[], $27::bigint[], $28::bigint[], $29::bytea[]) new
    WHERE EXISTS (SELECT FROM moved)
    ON CONFLICT (tenant, name) DO UPDATE SET next = excluded.next, entry = excluded.entry, hash = excluded.hash
  )
  SELECT moved FROM moved`;

const STOP = `
  INSERT INTO views.record_trees (tenant, size, edge, stopped) VALUES ($1, 0, '', $2)
  ON CONFLICT (tenant) DO UPDATE SET stopped = coalesce(record_trees.stopped, excluded.stopped)`;

/** SQLSTATE classes of a statement that is refused for the rows that it writes, so for rows of one tenant. */
const REFUSED_ROWS = [
  '22', // a value that a type does not take
  '23', // a constraint: a row with this key exists
  '54', // a value too long for an index
];

/** Undefined if the checkpoint was not at the beginning of the step. */
export async function writeStep(
  pool: ConnectionPool,
  writer: Writer,
  step: RecordStep,
): Promise<WrittenStep | undefined> {
  try {
    const moved = await pool.query({ text: WRITE, values: valuesOf(writer, step), rowMode: 'array' });
    return moved.length > 0 ? { refused: new Map() } : undefined;
  } catch (error) {
    if (!isOfRows(error)) throw error;
    return pool.inTransaction((query) => writeApart(query, writer, step));
  }
}

/** Each tenant for itself, which is slower: a statement for each. */
async function writeApart(query: Query, writer: Writer, step: RecordStep): Promise<WrittenStep | undefined> {
  const { from, to } = step;
  if ((await query(WRITE, valuesOf(writer, { ...partOf(step, undefined), from, to }))).length === 0) return undefined;
  const refused = new Map<string, string>();
  for (const tenant of new Set(step.trees.map((tree) => tree.tenant))) {
    await query('SAVEPOINT before_tenant');
    try {
      await query(WRITE, valuesOf(writer, { ...partOf(step, tenant), from: to, to }));
    } catch (error) {
      if (!isOfRows(error)) throw error;
      const reason = `the database refuses its entries (SQLSTATE ${error.code} of ${error.table ?? 'a value'})`;
      refused.set(tenant, reason);
      await query('ROLLBACK TO SAVEPOINT before_tenant');
      await query(STOP, [tenant, reason]);
    }
  }
  return { refused };
}

const isOfRows = (error: unknown): error is pg.DatabaseError =>
  error instanceof pg.DatabaseError && REFUSED_ROWS.includes((error.code ?? '').slice(0, 2));

function partOf(step: RecordStep, tenant: string | undefined): Omit<RecordStep, 'from' | 'to'> {
  const isOf = (row: { readonly tenant: string }) => row.tenant === tenant;
  return {
    entries: step.entries.filter(isOf),
    tileHashes: step.tileHashes.filter(isOf),
    trees: step.trees.filter(isOf),
    chains: step.chains.filter(isOf),
    owners: step.owners.filter(isOf),
  };
}

const valuesOf = (
  { name, epoch }: Writer,
  { from, to, entries, tileHashes, trees, chains, owners }: RecordStep,
): unknown[] => [
  ...[name, epoch, from, to, ...entryArrays(entries), ...tileArrays(tileHashes), ...treeArrays(trees)],
  ...[...headArrays(chains), ...headArrays(owners)],
];

const entryArrays = (entries: readonly StoredEntry[]): Buffer[] => [
  textArray(entries.map(({ tenant }) => tenant)),
  bigintArray(entries.map(({ index }) => index)),
  textArray(entries.map(({ stream }) => stream)),
  integerArray(entries.map(({ revision }) => revision)),
  uuidArray(entries.map(({ event }) => event)),
  bytesArray(entries.map(({ hash }) => hash)),
  textArray(entries.map(({ leaf }) => leaf)),
];

const tileArrays = (hashes: RecordStep['tileHashes']): Buffer[] => [
  textArray(hashes.map(({ tenant }) => tenant)),
  integerArray(hashes.map(({ level }) => level)),
  bigintArray(hashes.map(({ index }) => index)),
  bytesArray(hashes.map(({ hash }) => hash)),
];

const treeArrays = (trees: readonly StoredTreeEdge[]): Buffer[] => [
  textArray(trees.map(({ tenant }) => tenant)),
  bigintArray(trees.map(({ size }) => size)),
  bytesArray(trees.map(({ edge }) => Buffer.concat(edge))),
  textArray(trees.map(({ stopped }) => stopped)),
];

const headArrays = (heads: readonly StoredHead[]): Buffer[] => [
  textArray(heads.map(({ tenant }) => tenant)),
  textArray(heads.map(({ name }) => name)),
  bigintArray(heads.map(({ next }) => next)),
  bigintArray(heads.map(({ entry }) => entry)),
  bytesArray(heads.map(({ hash }) => hash)),
];
