import pg from 'pg';
import { NoteFiles } from '../adapters/data-directory/kept-notes.js';
import { knownSigningKeys, RecordKeyFile } from '../adapters/data-directory/record-key.js';
import type { Notice } from '../adapters/postgres/apply-migration.js';
import { ConnectionPool } from '../adapters/postgres/connection-pool.js';
import { DataDirectoryInUse, startEmbeddedPostgres } from '../adapters/postgres/embedded/embedded-postgres.js';
import { clusterOf, runningPostgres } from '../adapters/postgres/embedded/running-postgres.js';
import { parsePosition, positionBack, shownPosition } from '../adapters/postgres/position.js';
import { PostgresEventLog } from '../adapters/postgres/postgres-event-log.js';
import { PostgresRecord } from '../adapters/postgres/postgres-record.js';
import { systemClock } from '../adapters/system/system-clock.js';
import { systemIds } from '../adapters/system/system-ids.js';
import type { Restored } from '../cli/command-parts.js';
import { CommandFailed } from '../cli/failures.js';
import type { OpenedLog, OpenedRecord, Positions } from '../cli/opened-log.js';
import { beginIncarnation, incarnationsOf } from '../commands/incarnations.js';
import { Looks } from '../commands/looks.js';
import { OPERATOR } from '../commands/origin.js';
import type { Whereabouts } from '../config.js';
import { createCodec } from '../events/codec.js';
import type { Position } from '../events/envelope.js';
import { originOf } from '../formats/record-1/note.js';
import { limits } from '../limits.js';
import type { KnownOutside } from '../notary/stored-before.js';
import type { LogWithoutCommands } from '../ports/event-log.js';
import { KeyMissing } from '../ports/value-keys.js';
import { type Database, openDatabase } from './database.js';

type ReachedDatabase = Pick<Database, 'connection' | 'close'>;

type OpenedEventLog = OpenedLog & { readonly log: LogWithoutCommands };

const UNDEFINED_TABLE = '42P01';

/** Also while a server uses the log: the server reads the event and stops. */
export async function logRestored(whereabouts: Whereabouts, onNotice: Notice): Promise<Restored> {
  const { log, close } = await openLog(whereabouts, false, onNotice);
  try {
    const identity = await log.knownIdentity();
    if (identity === undefined) throw new CommandFailed('There is no log on this server yet');
    const parts = { log, codec: createCodec(), clock: systemClock, ids: systemIds };
    return { log: identity, incarnation: await beginIncarnation(parts, await incarnationsOf(log), OPERATOR) };
  } finally {
    await close();
  }
}

/** Creates nothing and migrates nothing, because a server of another version may use the log. */
export async function openLog(whereabouts: Whereabouts, follow: boolean, onNotice: Notice): Promise<OpenedEventLog> {
  if (whereabouts.eventLogUrl !== undefined) return openEventStoreDb(whereabouts.eventLogUrl);
  const database = await reach(whereabouts, follow, onNotice);
  const log = new PostgresEventLog(database.connection);
  const close = async () => {
    await log.close();
    await database.close();
  };
  try {
    await log.head();
  } catch (error) {
    await close();
    if (!(error instanceof pg.DatabaseError && error.code === UNDEFINED_TABLE)) throw error;
    throw new CommandFailed('There is no log in this database yet: run verbatim migrate');
  }
  return { log, positions, recordLook: recorderOn(log), close };
}

/** Also while a server runs. Reads the log, and the record in the database of the read models. */
export async function openRecord(whereabouts: Whereabouts, onNotice: Notice): Promise<OpenedRecord> {
  const database = await reach(whereabouts, false, onNotice);
  const pool = new ConnectionPool(database.connection, 1, limits.viewAnswerMs);
  const { eventLogUrl } = whereabouts;
  const { log } =
    eventLogUrl === undefined
      ? { log: new PostgresEventLog(database.connection) }
      : await openEventStoreDb(eventLogUrl).catch(async (error) => {
          await pool.close();
          await database.close();
          throw error;
        });
  const close = async () => {
    await log.close();
    await pool.close();
    await database.close();
  };
  const outside = await knownOutside(whereabouts, log).catch(async (error) => {
    await close();
    throw error;
  });
  return { log, record: new PostgresRecord(pool), keys: unopenedKeys, recordLook: recorderOn(log), outside, close };
}

/** Neither the notes nor the keys come from the database that they prove something about. */
async function knownOutside({ dataDir, recordKey }: Whereabouts, log: LogWithoutCommands): Promise<KnownOutside> {
  const incarnations = await incarnationsOf(log);
  const [identity, incarnation] = [incarnations[0], incarnations.at(-1) as string];
  return {
    keys: await knownSigningKeys(dataDir, recordKey),
    kept: new NoteFiles(dataDir),
    originOf: (tenant) => originOf(identity, incarnation, tenant),
  };
}

/** The file of the signing key, to replace the key. */
export function recordKeyFile({ dataDir, recordKey }: Whereabouts): RecordKeyFile {
  if (recordKey === undefined) return new RecordKeyFile(dataDir);
  throw new CommandFailed(
    'The signing key is in VERBATIM_RECORD_KEY: put a new one and a comma in front of it, and restart the processes',
  );
}

/** The command line has no user: who may read the database acts as its operator. */
function recorderOn(log: LogWithoutCommands): OpenedLog['recordLook'] {
  const looks = new Looks({ log, codec: createCodec(), clock: systemClock, ids: systemIds });
  const traceId = systemIds.random();
  return (tenant, look) => {
    const via = { kind: 'cli', id: look.what };
    return looks.record({ tenant, actor: OPERATOR, via, traceId }, look);
  };
}

/** This release appends no protected events, so it opens no store of keys. An export of a later log fails instead of hiding its texts. */
const unopenedKeys: OpenedRecord['keys'] = {
  find: (ids) =>
    new Map(
      [...ids].map((id) => [
        id,
        { is: 'missing', error: new KeyMissing(id, 'this command does not open the store of keys') },
      ]),
    ),
};

const positions: Positions = {
  parse: parsePosition,
  show: shownPosition,
  back: async (position, events) => positionBack(position, events),
};

async function openEventStoreDb(url: string): Promise<OpenedEventLog> {
  const [{ reachEventStoreDb }, { parsePosition: parse, shownPosition: show }] = await Promise.all([
    import('../adapters/eventstoredb/reach-eventstoredb.js'),
    import('../adapters/eventstoredb/position.js'),
  ]);
  const { log } = await reachEventStoreDb(url);
  const back = (position: Position, events: number) => log.back(position, events);
  return { log, positions: { parse, show, back }, recordLook: recorderOn(log), close: () => log.close() };
}

/** One process owns an embedded database. If it runs, connect to it; otherwise start the database here. */
async function reach(whereabouts: Whereabouts, follow: boolean, onNotice: Notice): Promise<ReachedDatabase> {
  if (whereabouts.databaseUrl !== undefined) return openDatabase(whereabouts, onNotice);
  if (!follow) return reachEmbedded(whereabouts, onNotice);
  // Only the owner may write, and while the command line owns it no server can start.
  const cluster = await requireCluster(whereabouts);
  return guestOf(cluster, `No server runs on ${whereabouts.dataDir}: there are no new events to follow`);
}

/** As the superuser: an older release may have created it with another role. */
export async function reachEmbedded(
  whereabouts: Pick<Whereabouts, 'dataDir'>,
  onNotice: Notice,
): Promise<ReachedDatabase & { readonly cluster: string }> {
  const { dataDir } = whereabouts;
  const cluster = await requireCluster(whereabouts);
  try {
    const postgres = await startEmbeddedPostgres({ dataDir, onNotice });
    return { connection: postgres.connection, cluster, close: () => postgres.stop() };
  } catch (error) {
    if (!(error instanceof DataDirectoryInUse)) throw error;
    const guest = await guestOf(cluster, `The server on ${dataDir} is starting or stopping: try again in a moment`);
    return { ...guest, cluster };
  }
}

/** The cluster of a data directory that has one. */
export async function requireCluster({ dataDir }: Pick<Whereabouts, 'dataDir'>): Promise<string> {
  const cluster = await clusterOf(dataDir);
  if (cluster === undefined) throw new CommandFailed(`There is no log in ${dataDir} yet`);
  return cluster;
}

async function guestOf(cluster: string, otherwise: string): Promise<ReachedDatabase> {
  const connection = await runningPostgres(cluster);
  if (connection === undefined) throw new CommandFailed(otherwise);
  return { connection, close: async () => {} };
}
