import { resolve } from 'node:path';
import { CommandClaims } from '../adapters/eventstoredb/command-claims.js';
import type { Notice } from '../adapters/postgres/apply-migration.js';
import { ConnectionPool } from '../adapters/postgres/connection-pool.js';
import { startEmbeddedPostgres } from '../adapters/postgres/embedded/embedded-postgres.js';
import { PostgresCommandPlaces } from '../adapters/postgres/postgres-command-places.js';
import { PostgresEventLog } from '../adapters/postgres/postgres-event-log.js';
import { systemClock } from '../adapters/system/system-clock.js';
import { systemIds } from '../adapters/system/system-ids.js';
import type { CopyPlaces, CopyProgress, LogCopy } from '../cli/command-parts.js';
import { CommandFailed, UsageError } from '../cli/failures.js';
import type { Whereabouts } from '../config.js';
import { createCodec } from '../events/codec.js';
import { limits } from '../limits.js';
import { openLog, requireCluster } from './cli-database.js';
import { openDatabase } from './database.js';
import { type CopyTarget, copyLog } from './log-copy.js';

/** Copies the configured log to another place. */
export async function copyTo(
  whereabouts: Whereabouts,
  to: CopyPlaces,
  onNotice: Notice,
  onProgress: (progress: CopyProgress) => Promise<void>,
): Promise<LogCopy> {
  const source = await openSource(whereabouts, onNotice);
  try {
    const target = await openTarget(to, onNotice);
    try {
      const parts = { codec: createCodec(), clock: systemClock, ids: systemIds };
      return await copyLog(source.log, target.log, parts, onProgress);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** An embedded log only without its server, which would append more. What other servers do is found by the comparison. */
async function openSource(whereabouts: Whereabouts, onNotice: Notice) {
  const { databaseUrl, eventLogUrl, dataDir } = whereabouts;
  if (databaseUrl !== undefined || eventLogUrl !== undefined) return openLog(whereabouts, false, onNotice);
  await requireCluster(whereabouts);
  const postgres = await startEmbeddedPostgres({ dataDir, onNotice });
  const log = new PostgresEventLog(postgres.connection);
  return { log, close: () => log.close().then(() => postgres.stop()) };
}

interface OpenedTarget {
  readonly log: CopyTarget;
  close(): Promise<void>;
}

async function openTarget({ log: place, database }: CopyPlaces, onNotice: Notice): Promise<OpenedTarget> {
  if (!/^(esdb|kurrentdb)/.test(place)) {
    if (database !== undefined) throw new UsageError('--database is for a log on EventStoreDB');
    const { connection, close } = await migrated(place, onNotice);
    const log = new PostgresEventLog(connection);
    return { log, close: () => log.close().then(close) };
  }
  if (database === undefined) {
    throw new UsageError('--database is missing: a log on EventStoreDB needs the database for its idempotency keys');
  }
  const { reachEventStoreDb } = await import('../adapters/eventstoredb/reach-eventstoredb.js');
  const { log } = await reachEventStoreDb(place, { onNotice });
  const { connection, close } = await migrated(database, onNotice);
  const pool = new ConnectionPool(connection, 1, limits.runtimeAnswerMs);
  return {
    log: new CommandClaims(log, new PostgresCommandPlaces(pool)),
    async close() {
      await log.close();
      await pool.close();
      await close();
    },
  };
}

/** A database of PostgreSQL on a server, or the one in a data directory, with the schema of this release. */
async function migrated(place: string, onNotice: Notice) {
  const isUrl = /^postgres(ql)?:/.test(place);
  if (!isUrl && /^[a-z+]+:\/\//.test(place)) throw new CommandFailed(`${place.split(':')[0]}: is no engine of a log`);
  const databaseUrl = isUrl ? place : undefined;
  const config = { databaseUrl, migrateDatabaseUrl: undefined, keysUrl: undefined, dataDir: resolve(place) };
  const database = await openDatabase(config, onNotice);
  await database.migrate().catch(async (error) => {
    await database.close();
    throw error;
  });
  return database;
}
