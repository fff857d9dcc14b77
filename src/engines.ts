import { DemoLanguageModel } from './adapters/demo/demo-language-model.js';
import { ConnectionPool } from './adapters/postgres/connection-pool.js';
import { freeLeases } from './adapters/postgres/free-leases.js';
import { claimViews, logOfViews } from './adapters/postgres/log-of-views.js';
import { PostgresCheckpoints } from './adapters/postgres/postgres-checkpoints.js';
import { PostgresCommandPlaces } from './adapters/postgres/postgres-command-places.js';
import { PostgresEventLog } from './adapters/postgres/postgres-event-log.js';
import { PostgresKeys } from './adapters/postgres/postgres-keys.js';
import { PostgresLeases } from './adapters/postgres/postgres-leases.js';
import { PostgresWork } from './adapters/postgres/postgres-work.js';
import { PostgresBuilds } from './adapters/postgres/views/postgres-builds.js';
import { PostgresLaneStore } from './adapters/postgres/views/postgres-lane-store.js';
import { PostgresViews } from './adapters/postgres/views/postgres-views.js';
import { systemClock } from './adapters/system/system-clock.js';
import type { Config } from './config.js';
import { type Database, openDatabase } from './database.js';
import type { PriceList } from './domain/prices.js';
import { limits } from './limits.js';
import type { Checkpoints } from './ports/checkpoints.js';
import type { CommandPlaces } from './ports/command-places.js';
import type { EventLog } from './ports/event-log.js';
import type { Keys } from './ports/keys.js';
import type { LanguageModel } from './ports/language-model.js';
import type { Leases } from './ports/leases.js';
import { type Meter, noMeter } from './ports/meter.js';
import type { Builds, LaneStore } from './ports/read-models/read-models.js';
import type { Views } from './ports/read-models/views.js';
import type { Work } from './ports/work.js';
import { pricesIn } from './prices-file.js';

/** What the product runs on, chosen by the configuration here and nowhere else. */
export interface Engines {
  readonly log: EventLog;
  readonly checkpoints: Checkpoints;
  readonly leases: Leases;
  readonly keys: Keys;
  readonly work: Work;
  readonly places: CommandPlaces;
  readonly builds: Builds;
  readonly lanes: LaneStore;
  readonly views: Views;
  /** By the names of their providers. */
  readonly models: ReadonlyMap<string, LanguageModel>;
  readonly prices: PriceList;
  /** For people: which log this is, and where. Never holds a secret. */
  readonly logDescription: string;
  close(): Promise<void>;
}

export async function openEngines(
  config: Config,
  onNotice: (text: string) => void,
  meter: Meter = noMeter,
): Promise<Engines> {
  const prices = await pricesIn(config.dataDir);
  const { database, log, logDescription } = await openStores(config, onNotice, meter);
  const pool = new ConnectionPool(database.connection, limits.runtimeConnectionsMax, limits.runtimeAnswerMs);
  // Of its own: a large step of a projection must not keep leases and claims waiting.
  const viewPool = new ConnectionPool(database.connection, limits.viewConnectionsMax, limits.viewAnswerMs);
  return {
    log,
    checkpoints: new PostgresCheckpoints(pool),
    leases: new PostgresLeases(pool),
    keys: new PostgresKeys(pool),
    work: new PostgresWork(pool),
    places: new PostgresCommandPlaces(pool),
    builds: new PostgresBuilds(viewPool),
    lanes: new PostgresLaneStore(viewPool),
    views: new PostgresViews(viewPool),
    models: await openModels(config),
    prices,
    logDescription,
    async close() {
      await log.close();
      await viewPool.close();
      await pool.close();
      await database.close();
    },
  };
}

interface OpenedLog {
  readonly log: EventLog;
  readonly logDescription: string;
}

/** The log first where it is a server of its own: whether that can be reached is found out before anything is started. */
async function openStores(
  config: Config,
  onNotice: (text: string) => void,
  meter: Meter,
): Promise<OpenedLog & { readonly database: Database }> {
  const server =
    config.eventLogUrl === undefined ? undefined : await openEventStoreDb(config.eventLogUrl, meter, onNotice);
  let database: Database | undefined;
  try {
    database = await openDatabase(config, onNotice);
    await database.migrate();
    if (database.isOursAlone) await freeLeases(database.connection);
    const opened = server ?? {
      log: new PostgresEventLog(database.connection, meter),
      logDescription: database.description,
    };
    await requireViewsOf(opened, database).catch(async (error) => {
      if (opened !== server) await opened.log.close();
      throw error;
    });
    return { ...opened, database };
  } catch (error) {
    await server?.log.close();
    await database?.close();
    throw error;
  }
}

/** Views are never built from two logs: they would show what neither of them says. */
async function requireViewsOf({ log, logDescription }: OpenedLog, database: Database): Promise<void> {
  const { connection } = database;
  const standing = (await logOfViews(connection)) ?? (await claimViews(connection, await log.identity()));
  // Only looked at: it may be another log than the one that was meant.
  const identity = await log.knownIdentity();
  if (standing === identity) return;
  throw new Error(
    `The read models in the ${database.description} were built from another log.\n` +
      `  They are of log ${standing}; ${logDescription} holds ${identity ? `log ${identity}` : 'a log without a name yet'}.\n` +
      '  Either open that log again: set EVENT_LOG_URL as it was, or unset it if the log was in the database;\n' +
      '  or let DATABASE_URL or VERBATIM_DATA_DIR name an empty database, and they are built anew there.',
  );
}

async function openEventStoreDb(url: string, meter: Meter, onNotice: (text: string) => void): Promise<OpenedLog> {
  // Its client takes a moment to load, and most starts need none.
  const { reachEventStoreDb } = await import('./adapters/eventstoredb/reach-eventstoredb.js');
  const { log, description } = await reachEventStoreDb(url, { meter, onNotice });
  return { log, logDescription: description };
}

/** The demo model is always there: it asks nobody. */
async function openModels({ openai }: Config): Promise<Map<string, LanguageModel>> {
  const models = new Map<string, LanguageModel>([['demo', new DemoLanguageModel(systemClock)]]);
  if (openai.apiKey === undefined && openai.baseUrl === undefined) return models;
  // Its SDK takes a moment to load, and most starts on a new machine need none.
  const { OpenAiLanguageModel } = await import('./adapters/openai/openai-language-model.js');
  return models.set('openai', new OpenAiLanguageModel(openai, systemClock));
}
