import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { limits } from '../../limits.js';
import { applyMigration, type Notice, untilUnlocked } from './apply-migration.js';
import { type AppliedMigration, type Migration, pendingMigrations, readMigrations } from './migration-files.js';
import { KEYS, LOG_AND_VIEWS, type SchemaSet } from './schema-sets.js';
import { grantServing, missingRights } from './serving-rights.js';
import { NOTICE_LOST_CLIENTS } from './session.js';

/** The schema is not what this release needs, and this role may not change it. */
export class SchemaNotReady extends Error {
  override readonly name = 'SchemaNotReady';
}

export interface MigrateOptions {
  /** The serving role, if it is not the owner. It gets the rights that it needs. */
  readonly servedBy?: string | undefined;
  readonly onNotice?: Notice;
  /** Absent: those of the log and the views. */
  readonly schemas?: SchemaSet;
  readonly sqlDirectory?: string;
}

/** For a database that holds the keys as well. */
export async function migrateAll(
  connection: pg.ClientConfig,
  options: MigrateOptions = {},
): Promise<readonly string[]> {
  const applied = await migrate(connection, options);
  return [...applied, ...(await migrate(connection, { ...options, schemas: KEYS }))];
}

/**
 * Applies the files `NNNN-name.sql` to a database, each once. If several processes try at once, the others wait and then find
 * nothing to do. A role that may not change the schema only checks that it is up to date. Returns the applied files.
 */
export async function migrate(
  connection: pg.ClientConfig,
  { servedBy, onNotice = () => {}, schemas = LOG_AND_VIEWS, sqlDirectory = schemas.sqlDirectory }: MigrateOptions = {},
): Promise<readonly string[]> {
  const migrations = await readMigrations(sqlDirectory);
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: limits.connectDeadlineMs });
  // If the connection dies between two statements, the next one fails. Without a listener the error would end the process.
  client.on('error', () => {});
  await client.connect();
  try {
    await settleMigration(client);
    const standing = await schemaStanding(client, schemas);
    if (!standing.mayChange) {
      await requireReady(client, schemas, migrations, standing);
      return [];
    }
    await becomeTheOnlyOne(client, schemas, onNotice);
    await untilUnlocked('The list of migrations', onNotice, () => provideList(client, schemas));
    const applied = await appliedMigrations(client, schemas);
    const pending = pendingMigrations(migrations, applied);
    for (const migration of pending) await applyMigration(client, schemas, migration, onNotice);
    if (servedBy !== undefined && !isNewer(migrations, applied))
      await grantServing(client, schemas, servedBy, onNotice);
    return pending.map(({ name }) => name);
  } finally {
    await client.end();
  }
}

/** A step may run for any time. The server ends it when its client is gone. */
async function settleMigration(client: pg.Client): Promise<void> {
  await client.query(`
    SET synchronous_commit TO on;
    SET statement_timeout TO 0;
    SET idle_in_transaction_session_timeout TO 0;
    SET lock_timeout TO ${limits.migrationLockWaitMs};
    ${NOTICE_LOST_CLIENTS}`);
}

interface SchemaAccess {
  readonly role: string;
  readonly exists: boolean;
  readonly isReadable: boolean;
  readonly mayChange: boolean;
}

/** Asks the catalog, which every role can read. */
async function schemaStanding(client: pg.Client, { list }: SchemaSet): Promise<SchemaAccess> {
  const { rows } = await client.query<SchemaAccess>(
    `
    SELECT current_user AS role, c.oid IS NOT NULL AS exists,
      coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), false) AS "isReadable",
      coalesce(pg_has_role(c.relowner, 'USAGE'), has_database_privilege(current_database(), 'CREATE')) AS "mayChange"
    FROM (SELECT) one
    LEFT JOIN pg_namespace n ON n.nspname = $1
    LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'migrations'`,
    [list],
  );
  return rows[0] as SchemaAccess;
}

async function requireReady(
  client: pg.Client,
  schemas: SchemaSet,
  migrations: readonly Migration[],
  standing: SchemaAccess,
): Promise<void> {
  const { role } = standing;
  const wayOut = 'Run `verbatim migrate` with MIGRATE_DATABASE_URL naming the owner of the schema';
  if (!standing.exists) {
    throw new SchemaNotReady(
      `The database has ${schemas.absent} yet, and the role ${role} may not make it. ${wayOut}.`,
    );
  }
  if (!standing.isReadable) {
    throw new SchemaNotReady(`The role ${role} has no rights on the schema. ${wayOut}: it grants them.`);
  }
  const applied = await appliedMigrations(client, schemas);
  const pending = pendingMigrations(migrations, applied);
  if (pending.length > 0) {
    const versions = `version ${applied.at(-1)?.version ?? 0}, and this release needs ${migrations.at(-1)?.version}`;
    throw new SchemaNotReady(`The database is at ${versions}; the role ${role} may not change it. ${wayOut}.`);
  }
  const missing = isNewer(migrations, applied) ? [] : await missingRights(client, schemas, role);
  if (missing.length > 0) {
    throw new SchemaNotReady(`The role ${role} lacks rights (${missing.join(', ')}). ${wayOut}: it grants them.`);
  }
}

const isNewer = (migrations: readonly Migration[], applied: readonly AppliedMigration[]): boolean =>
  (applied.at(-1)?.version ?? 0) > (migrations.at(-1)?.version ?? 0);

/**
 * Takes a lock until the session ends, also by the death of this process. It polls, because a session that waits for a lock
 * holds a snapshot, and CREATE INDEX CONCURRENTLY waits for every snapshot.
 */
async function becomeTheOnlyOne(client: pg.Client, { lock }: SchemaSet, onNotice: Notice): Promise<void> {
  for (let isFirst = true; ; isFirst = false) {
    const { rows } = await client.query('SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS alone', [lock]);
    if (rows[0].alone) return;
    if (isFirst) onNotice('Another process migrates this database: waiting for it.');
    await sleep(limits.migrationLookMs);
  }
}

async function provideList(client: pg.Client, { list }: SchemaSet): Promise<void> {
  await client.query(`
    CREATE SCHEMA IF NOT EXISTS ${list};
    CREATE TABLE IF NOT EXISTS ${list}.migrations (
      version int PRIMARY KEY,
      name text NOT NULL,
      sha256 text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now()
    );
    ALTER TABLE ${list}.migrations ADD COLUMN IF NOT EXISTS readable_since int`);
}

/** An early release created the table without the last column. */
async function appliedMigrations(client: pg.Client, { list }: SchemaSet): Promise<AppliedMigration[]> {
  const { rows } = await client.query<AppliedMigration>(`
    SELECT version, name, sha256, (to_jsonb(m) ->> 'readable_since')::int AS "readableSince"
    FROM ${list}.migrations m ORDER BY version`);
  return rows;
}
