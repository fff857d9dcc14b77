import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { limits } from '../../limits.js';

/** The database was written by a newer release. Nothing was changed. */
export class SchemaTooNew extends Error {
  override readonly name = 'SchemaTooNew';
}

/** What was applied is not what these files say. Nothing was changed. */
export class MigrationChanged extends Error {
  override readonly name = 'MigrationChanged';
}

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
}

interface AppliedMigration {
  readonly version: number;
  readonly name: string;
  readonly sha256: string;
}

/**
 * Brings a database up to the newest of the files `NNNN-name.sql`, each once, each in one transaction with its row.
 * Several may try at once: the others wait, and then find nothing to do. Answers with the files that it applied.
 */
export async function migrate(
  connection: pg.ClientConfig,
  sqlDirectory = join(import.meta.dirname, 'migrations'),
): Promise<readonly string[]> {
  const migrations = await readMigrations(sqlDirectory);
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: limits.connectDeadlineMs });
  // A connection that dies between two statements fails the next one; without a listener it would end the process.
  client.on('error', () => {});
  await client.connect();
  try {
    // Ends with the session, so also when this process dies.
    await client.query("select pg_advisory_lock(hashtextextended('verbatim.migrations', 0))");
    const pending = pendingMigrations(migrations, await appliedMigrations(client));
    for (const migration of pending) await apply(client, migration);
    return pending.map(({ name }) => name);
  } finally {
    await client.end();
  }
}

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
    migrations.push({ version, name, sql, sha256: createHash('sha256').update(sql).digest('hex') });
  }
  return migrations;
}

export function pendingMigrations(
  migrations: readonly Migration[],
  applied: readonly AppliedMigration[],
): readonly Migration[] {
  const newest = migrations.at(-1)?.version ?? 0;
  const current = Math.max(0, ...applied.map(({ version }) => version));
  if (current > newest) {
    throw new SchemaTooNew(
      `The database is at version ${current}, and this release knows ${newest}: start a newer release.`,
    );
  }
  for (const { version, name, sha256 } of applied) {
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

async function appliedMigrations(client: pg.Client): Promise<AppliedMigration[]> {
  await client.query(`
    create schema if not exists runtime;
    create table if not exists runtime.migrations (
      version int primary key,
      name text not null,
      sha256 text not null,
      applied_at timestamptz not null default now()
    )`);
  const { rows } = await client.query<AppliedMigration>(
    'select version, name, sha256 from runtime.migrations order by version',
  );
  return rows;
}

async function apply(client: pg.Client, { version, name, sql, sha256 }: Migration): Promise<void> {
  try {
    await client.query('begin');
    await client.query(sql);
    await client.query('insert into runtime.migrations (version, name, sha256) values ($1, $2, $3)', [
      version,
      name,
      sha256,
    ]);
    await client.query('commit');
  } catch (cause) {
    // The session ends with this error, and its transaction is rolled back with it.
    throw new Error(`Migration ${name} failed and was rolled back: ${(cause as Error).message}`, { cause });
  }
}
