import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { limits } from '../../limits.js';
import type { Migration, OutsideTransaction } from './migration-files.js';
import type { SchemaSet } from './schema-sets.js';

export type Notice = (text: string) => void;

/** Applies it in one transaction with its row, or without one: after a crash the row is missing, and the step is repeated. */
export async function applyMigration(
  client: pg.Client,
  schemas: SchemaSet,
  migration: Migration,
  onNotice: Notice,
): Promise<void> {
  const { name, outside } = migration;
  try {
    await untilUnlocked(name, onNotice, () =>
      outside
        ? runOutside(client, schemas, migration, outside)
        : inTransaction(client, () => runWithRow(client, schemas, migration)),
    );
  } catch (cause) {
    const left = outside ? 'failed; the next try repeats it' : 'failed and was rolled back';
    throw new Error(`Migration ${name} ${left}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Each statement gives up soon if it does not get its lock, because later statements of users would queue behind it. Then
 * the whole step is retried.
 */
export async function untilUnlocked<T>(what: string, onNotice: Notice, work: () => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + limits.migrationPatienceMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isHeldUp(error) || performance.now() > giveUpAt) throw error;
      onNotice(`${what}: another session holds a lock that it needs; trying again in ${limits.migrationPauseMs} ms.`);
      await sleep(limits.migrationPauseMs);
    }
  }
}

export async function inTransaction(client: pg.Client, work: () => Promise<void>): Promise<void> {
  await client.query('begin');
  try {
    await work();
    await client.query('commit');
  } catch (error) {
    // If the connection is lost, the server rolls back by itself.
    await client.query('rollback').catch(() => {});
    throw error;
  }
}

const LOCK_NOT_AVAILABLE = '55P03';
const DEADLOCK_DETECTED = '40P01';

const isHeldUp = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && [LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED].includes(error.code ?? '');

async function runWithRow(client: pg.Client, schemas: SchemaSet, migration: Migration): Promise<void> {
  await client.query(`set local lock_timeout to ${limits.migrationLockWaitMs}`);
  await client.query(migration.sql);
  await record(client, schemas, migration);
}

async function runOutside(
  client: pg.Client,
  schemas: SchemaSet,
  migration: Migration,
  { index }: OutsideTransaction,
): Promise<void> {
  // Reads and writes continue while it waits.
  await client.query(`set lock_timeout to ${limits.migrationOutsideLockWaitMs}`);
  const standing = index && (await indexState(client, index));
  if (index && standing === 'invalid') {
    await client.query(
      `drop index concurrently ${pg.escapeIdentifier(index.schema)}.${pg.escapeIdentifier(index.name)}`,
    );
  }
  if (standing !== 'valid') await client.query(migration.sql);
  await record(client, schemas, migration);
}

type Index = NonNullable<OutsideTransaction['index']>;

async function indexState(client: pg.Client, { schema, name }: Index): Promise<'absent' | 'valid' | 'invalid'> {
  const { rows } = await client.query<{ valid: boolean }>(
    `select i.indisvalid as valid from pg_index i join pg_class c on c.oid = i.indexrelid
     where c.relnamespace = (select oid from pg_namespace where nspname = $1) and c.relname = $2`,
    [schema, name],
  );
  if (!rows[0]) return 'absent';
  return rows[0].valid ? 'valid' : 'invalid';
}

async function record(
  client: pg.Client,
  { list }: SchemaSet,
  { version, name, sha256, readableSince }: Migration,
): Promise<void> {
  await client.query(`insert into ${list}.migrations (version, name, sha256, readable_since) values ($1, $2, $3, $4)`, [
    version,
    name,
    sha256,
    readableSince,
  ]);
}
