import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A newer release wrote the database, and this one cannot serve it. Nothing was changed. */
export class SchemaTooNew extends Error {
  override readonly name = 'SchemaTooNew';
}

/** An applied migration differs from its file. Nothing was changed. */
export class MigrationChanged extends Error {
  override readonly name = 'MigrationChanged';
}

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
  /** A release that knows this version can serve the database once the migration is applied. */
  readonly readableSince: number;
  /** Null: in one transaction with its row in runtime.migrations. */
  readonly outside: OutsideTransaction | null;
}

/** One statement outside a transaction. A crash can leave it half done. */
export interface OutsideTransaction {
  /** The index that it creates. Absent: the statement may be repeated. */
  readonly index: { readonly schema: string; readonly name: string } | null;
}

export interface AppliedMigration {
  readonly version: number;
  readonly name: string;
  readonly sha256: string;
  /** Null in a row that an early release wrote. */
  readonly readableSince: number | null;
}

/** Headers in a file, each on its own line. */
const READABLE_SINCE = /^-- Readable since (\d{4})$/m;
const OUTSIDE = /^-- Outside a transaction$/m;

const INDEX =
  /^create\s+(?:unique\s+)?index\s+concurrently\s+(?<name>[a-z0-9_]+)\s+on\s+(?<schema>[a-z0-9_]+)\.[a-z0-9_]+/i;

export async function readMigrations(sqlDirectory: string): Promise<Migration[]> {
  const names = (await readdir(sqlDirectory)).filter((name) => name.endsWith('.sql')).sort();
  const migrations: Migration[] = [];
  for (const name of names) {
    const version = Number(/^(\d{4})-[a-z0-9-]+\.sql$/.exec(name)?.[1]);
    if (!version) throw new Error(`${join(sqlDirectory, name)} is not named like 0001-name.sql.`);
    if (migrations.at(-1)?.version === version)
      throw new Error(`Two migrations are number ${version} in ${sqlDirectory}.`);
    // A checkout with other line ends is still the same migration.
    const sql = (await readFile(join(sqlDirectory, name), 'utf8')).replaceAll('\r\n', '\n');
    const sha256 = createHash('sha256').update(sql).digest('hex');
    const readableSince = Number(READABLE_SINCE.exec(sql)?.[1] ?? version);
    if (readableSince > version) throw new Error(`${name} cannot be readable only since ${readableSince}.`);
    migrations.push({ version, name, sql, sha256, readableSince, outside: outsideOf(name, sql) });
  }
  return migrations;
}

/** Statements that are sent together would be one transaction. */
function outsideOf(name: string, sql: string): OutsideTransaction | null {
  if (!OUTSIDE.test(sql)) return null;
  const statement = sql
    .replaceAll(/^--.*$/gm, '')
    .trim()
    .replace(/;$/, '');
  if (statement.includes(';')) throw new Error(`${name} runs outside a transaction and must hold one statement.`);
  const index = INDEX.exec(statement)?.groups;
  if (!index && /^create\s+(unique\s+)?index/i.test(statement))
    throw new Error(`${name} must be written CREATE INDEX CONCURRENTLY name ON schema.table.`);
  return { index: index ? { schema: index.schema as string, name: index.name as string } : null };
}

/** The pending migrations. None for the database of a newer release that this one can serve. */
export function pendingMigrations(
  migrations: readonly Migration[],
  applied: readonly AppliedMigration[],
): readonly Migration[] {
  const newest = migrations.at(-1)?.version ?? 0;
  const current = Math.max(0, ...applied.map(({ version }) => version));
  const [known, unknown] = [
    applied.filter(({ version }) => version <= newest),
    applied.filter(({ version }) => version > newest),
  ];
  const readableSince = Math.max(0, ...unknown.map((row) => row.readableSince ?? row.version));
  if (readableSince > newest) {
    throw new SchemaTooNew(
      `The database is at version ${current}, which a release can serve that knows version ${readableSince}; ` +
        `this one knows ${newest}: start a newer release.`,
    );
  }
  for (const { version, name, sha256 } of known) {
    const file = migrations.find((migration) => migration.version === version);
    if (!file) throw new MigrationChanged(`Migration ${name} was applied, and its file is missing.`);
    if (file.sha256 !== sha256) throw new MigrationChanged(`Migration ${file.name} has changed since it was applied.`);
  }
  const pending = migrations.filter(({ version }) => !applied.some((row) => row.version === version));
  const late = pending.find(({ version }) => version < current);
  if (late)
    throw new MigrationChanged(`Migration ${late.name} came after version ${current} was applied: renumber it.`);
  return pending;
}
