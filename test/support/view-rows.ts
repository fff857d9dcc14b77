import { isDeepStrictEqual } from 'node:util';
import type { AnyTable } from '../../src/ports/read-models/table.js';
import { projections } from '../../src/projections/all.js';

/** Asks the database for the first column of each row. */
export type Ask = (sql: string) => Promise<readonly unknown[]>;

/** Every column of every row of a build, as the database has it. */
export async function rowsOfBuild(
  ask: Ask,
  build: number,
  tables: readonly AnyTable[] = projections.flatMap((projection) => projection.tables),
): Promise<Record<string, readonly unknown[]>> {
  const found: Record<string, readonly unknown[]> = {};
  for (const { name } of tables) {
    found[name] = await ask(`SELECT t::text AS row FROM views.${name}_${build} t ORDER BY key`);
  }
  return found;
}

/** Where two builds of one projection differ: the first row of each table that does. */
export async function differences(ask: Ask, projection: string, one: number, other: number): Promise<string[]> {
  const { tables = [] } = projections.find(({ name }) => name === projection) ?? {};
  const [before, after] = [await rowsOfBuild(ask, one, tables), await rowsOfBuild(ask, other, tables)];
  return tables.flatMap(({ name }) => {
    const [rows = [], rebuilt = []] = [before[name], after[name]];
    if (isDeepStrictEqual(rows, rebuilt)) return [];
    const at = rows.findIndex((row, nth) => row !== rebuilt[nth]);
    return [`${name}: ${rows.length} rows, rebuilt ${rebuilt.length}; first ${rows[at]} against ${rebuilt[at]}`];
  });
}
