import pg from 'pg';
import { DataDirectoryInUse, startEmbeddedPostgres } from '../adapters/postgres/embedded/embedded-postgres.js';
import { clusterOf, runningPostgres } from '../adapters/postgres/embedded/running-postgres.js';
import { parsePosition, positionBack, shownPosition } from '../adapters/postgres/position.js';
import { PostgresEventLog } from '../adapters/postgres/postgres-event-log.js';
import { systemClock } from '../adapters/system/system-clock.js';
import { systemIds } from '../adapters/system/system-ids.js';
import type { Restored } from '../cli/command-parts.js';
import { CommandFailed } from '../cli/failures.js';
import type { OpenedLog, Positions } from '../cli/opened-log.js';
import { beginIncarnation, incarnationsOf } from '../commands/incarnations.js';
import { OPERATOR } from '../commands/origin.js';
import type { Whereabouts } from '../config.js';
import { createCodec } from '../events/codec.js';
import type { Position } from '../events/envelope.js';
import type { LogWithoutCommands } from '../ports/event-log.js';
import { type Database, openDatabase } from './database.js';

/** What the command line does with the database itself, whether or not a server runs on it. */

type Notice = (text: string) => void;
type Reached = Pick<Database, 'connection' | 'close'>;

type OpenedEventLog = OpenedLog & { readonly log: LogWithoutCommands };

const UNDEFINED_TABLE = '42P01';

/** Whether or not a server runs on it: that one sees the event, and stops. */
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

/** Nothing is made and no migration runs, for the server on it may be of another version. */
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
  return { log, positions, close };
}

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
  return { log, positions: { parse, show, back }, close: () => log.close() };
}

/** An embedded database belongs to one process. While that runs we are its guest; else we run it ourselves. */
async function reach(whereabouts: Whereabouts, follow: boolean, onNotice: Notice): Promise<Reached> {
  if (whereabouts.databaseUrl !== undefined) return openDatabase(whereabouts, onNotice);
  const cluster = await clusterOf(whereabouts.dataDir);
  if (cluster === undefined) throw new CommandFailed(`There is no log in ${whereabouts.dataDir} yet`);
  // Only its owner can write to it, and while we owned it no server could start.
  if (follow) return guestOf(cluster, `No server runs on ${whereabouts.dataDir}: there are no new events to follow`);
  try {
    // As its superuser: a release that served as another role may have made it.
    const postgres = await startEmbeddedPostgres({ dataDir: whereabouts.dataDir, onNotice });
    return { connection: postgres.connection, close: () => postgres.stop() };
  } catch (error) {
    if (!(error instanceof DataDirectoryInUse)) throw error;
    return guestOf(cluster, `The server on ${whereabouts.dataDir} is starting or stopping: try again in a moment`);
  }
}

async function guestOf(cluster: string, otherwise: string): Promise<Reached> {
  const connection = await runningPostgres(cluster);
  if (connection === undefined) throw new CommandFailed(otherwise);
  return { connection, close: async () => {} };
}
