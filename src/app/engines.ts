import { NoteFiles } from '../adapters/data-directory/kept-notes.js';
import { openSigningKeys } from '../adapters/data-directory/record-key.js';
import { DemoLanguageModel } from '../adapters/demo/demo-language-model.js';
import { CommandClaims } from '../adapters/eventstoredb/command-claims.js';
import { ConnectionPool } from '../adapters/postgres/connection-pool.js';
import { freeLeases } from '../adapters/postgres/free-leases.js';
import { PostgresCensus } from '../adapters/postgres/postgres-census.js';
import { PostgresCheckpoints } from '../adapters/postgres/postgres-checkpoints.js';
import { PostgresCommandPlaces } from '../adapters/postgres/postgres-command-places.js';
import { PostgresCosignatures } from '../adapters/postgres/postgres-cosignatures.js';
import { PostgresEventLog } from '../adapters/postgres/postgres-event-log.js';
import { PostgresHints } from '../adapters/postgres/postgres-hints.js';
import { PostgresKeptFolds } from '../adapters/postgres/postgres-kept-folds.js';
import { PostgresKeys } from '../adapters/postgres/postgres-keys.js';
import { PostgresLeases } from '../adapters/postgres/postgres-leases.js';
import { PostgresRecord } from '../adapters/postgres/postgres-record.js';
import { PostgresWork } from '../adapters/postgres/postgres-work.js';
import { PostgresBuilds } from '../adapters/postgres/views/postgres-builds.js';
import { PostgresLaneStore } from '../adapters/postgres/views/postgres-lane-store.js';
import { ViewReader } from '../adapters/postgres/views/view-reader.js';
import { systemClock } from '../adapters/system/system-clock.js';
import { WitnessClient } from '../adapters/witness/witness-client.js';
import type { Config } from '../config.js';
import type { PriceList } from '../domain/prices.js';
import type { SigningKeys } from '../formats/record-1/signing-keys.js';
import { limits } from '../limits.js';
import type { CensusStore } from '../ports/census.js';
import type { Checkpoints } from '../ports/checkpoints.js';
import type { CommandPlaces } from '../ports/command-places.js';
import type { Cosignatures } from '../ports/cosignatures.js';
import type { EventLog, LogWithoutCommands } from '../ports/event-log.js';
import type { Hints } from '../ports/hints.js';
import type { KeptFoldStore } from '../ports/kept-folds.js';
import type { Keys } from '../ports/keys.js';
import type { LanguageModel } from '../ports/language-model.js';
import type { Leases } from '../ports/leases.js';
import { type Meter, noMeter } from '../ports/meter.js';
import type { Builds, LaneStore } from '../ports/read-models/read-models.js';
import type { KeptNotes, RecordStore } from '../ports/record.js';
import type { AskedWitness } from '../ports/witness.js';
import type { Work } from '../ports/work.js';
import { continueLog, type ReopenedLog } from './continued-log.js';
import { type Database, openDatabase } from './database.js';
import { pricesIn } from './prices-file.js';
import { postgresViews, type Views } from './read-models.js';
import { openValueKeys, type ValueKeyEngine } from './value-keys.js';

/** What the product runs on, chosen by the configuration here and nowhere else. */
export interface Engines {
  readonly log: EventLog;
  /** The incarnations of the log when it was opened. This process works with the last one. */
  readonly incarnations: readonly string[];
  /** Opens the same log again, for a reader that has seen no event yet. */
  openLogAnew(): Promise<LogWithoutCommands>;
  readonly checkpoints: Checkpoints;
  readonly leases: Leases;
  readonly hints: Hints;
  readonly keys: Keys;
  readonly work: Work;
  readonly keptFolds: KeptFoldStore;
  readonly builds: Builds;
  /** The same builds for readiness and reports, which never wait for a step of a lane. */
  readonly buildStates: Pick<Builds, 'list'>;
  readonly lanes: LaneStore;
  readonly views: Views;
  readonly record: RecordStore;
  readonly census: CensusStore;
  readonly cosignatures: Cosignatures;
  readonly witnesses: readonly AskedWitness[];
  readonly keptNotes: KeptNotes;
  /** The keys that sign the record. Only processes with the role that signs may ask for them. */
  signingKeys(): Promise<SigningKeys>;
  readonly valueKeys: ValueKeyEngine;
  /** By the names of their providers. */
  readonly models: ReadonlyMap<string, LanguageModel>;
  readonly prices: PriceList;
  /** Names the log and its place for operators. Never holds a secret. */
  readonly logDescription: string;
  close(): Promise<void>;
}

export async function openEngines(
  config: Config,
  onNotice: (text: string) => void,
  meter: Meter = noMeter,
): Promise<Engines> {
  const prices = await pricesIn(config.dataDir);
  const signingKeys = () => openSigningKeys(config.dataDir, config.recordKey);
  // A start without a usable key fails here, and not in the background.
  if (config.roles.includes('projections')) await signingKeys();
  const { models, closeModels } = await openModels(config);
  const { database, opened, valueKeys } = await openStores(config, onNotice, meter);
  const { logDescription } = opened;
  const pool = new ConnectionPool(database.connection, limits.runtimeConnectionsMax, limits.runtimeAnswerMs);
  const log = opened.logWith(new PostgresCommandPlaces(pool));
  // A pool of its own, because callers without a key decide how many look-ups there are: leases and claims must not wait.
  const keyPool = new ConnectionPool(database.connection, limits.keyConnectionsMax, limits.runtimeAnswerMs);
  // A pool of its own: leases and claims must not wait for a large step of a projection.
  const viewPool = new ConnectionPool(database.connection, limits.viewConnectionsMax, limits.viewAnswerMs);
  // A pool of its own: the server cancels a read whose client has left, but no step of a projection.
  const readPool = new ConnectionPool(database.connection, limits.viewReadConnectionsMax, limits.viewReadAnswerMs);
  const searchPool = new ConnectionPool(database.connection, limits.searchConnectionsMax, limits.searchAnswerMs);
  const keys = new PostgresKeys(keyPool);
  const hints = new PostgresHints(database.connection, pool);
  const close = async () => {
    await log.close();
    await readPool.close();
    await searchPool.close();
    await viewPool.close();
    await keyPool.close();
    await valueKeys.close();
    await hints.close();
    await pool.close();
    await database.close();
    closeModels();
  };
  const incarnations = await continueLog({ ...opened, log }, database, keys, onNotice).catch(async (error) => {
    await close();
    throw error;
  });
  return {
    log,
    incarnations,
    openLogAnew: () => opened.openAnew(),
    checkpoints: new PostgresCheckpoints(pool),
    leases: new PostgresLeases(pool),
    hints,
    keys,
    work: new PostgresWork(pool),
    keptFolds: new PostgresKeptFolds(readPool, viewPool),
    builds: new PostgresBuilds(viewPool),
    buildStates: new PostgresBuilds(readPool),
    lanes: new PostgresLaneStore(viewPool),
    record: new PostgresRecord(viewPool, readPool),
    census: new PostgresCensus(viewPool, readPool),
    cosignatures: new PostgresCosignatures(viewPool, readPool),
    witnesses: config.witnesses.map(({ url, verifierKey }) => new WitnessClient(url, verifierKey)),
    keptNotes: new NoteFiles(config.dataDir),
    signingKeys,
    valueKeys,
    views: postgresViews(new ViewReader(readPool, searchPool)),
    models,
    prices,
    logDescription,
    close,
  };
}

interface ReachedLog extends Omit<ReopenedLog, 'log'> {
  /** A log that cannot record a command in the same transaction as its events uses these places. */
  logWith(places: CommandPlaces): EventLog;
  openAnew(): Promise<LogWithoutCommands>;
  close(): Promise<void>;
}

interface Stores {
  readonly opened: ReachedLog;
  readonly database: Database;
  readonly valueKeys: Awaited<ReturnType<typeof openValueKeys>>;
}

/** Connects to EventStoreDB first: if it cannot be reached, the start fails before PostgreSQL starts. */
async function openStores(config: Config, onNotice: (text: string) => void, meter: Meter): Promise<Stores> {
  const server =
    config.eventLogUrl === undefined ? undefined : await openEventStoreDb(config.eventLogUrl, meter, onNotice);
  let database: Database | undefined;
  try {
    database = await openDatabase(config, onNotice);
    await database.migrate();
    if (database.isOursAlone) await freeLeases(database.connection);
    const valueKeys = await openValueKeys(config, database, onNotice);
    return { opened: server ?? logIn(database, meter), database, valueKeys };
  } catch (error) {
    await server?.close();
    await database?.close();
    throw error;
  }
}

function logIn({ connection, description }: Database, meter: Meter): ReachedLog {
  const log = new PostgresEventLog(connection, meter);
  return {
    logWith: () => log,
    logDescription: description,
    isInDatabase: true,
    openAnew: async () => new PostgresEventLog(connection),
    close: () => log.close(),
  };
}

async function openEventStoreDb(url: string, meter: Meter, onNotice: (text: string) => void): Promise<ReachedLog> {
  // Its client takes a moment to load, and most starts need none.
  const { reachEventStoreDb } = await import('../adapters/eventstoredb/reach-eventstoredb.js');
  const { log, description } = await reachEventStoreDb(url, { meter, onNotice });
  return {
    logWith: (places) => new CommandClaims(log, places),
    logDescription: description,
    isInDatabase: false,
    openAnew: async () => (await reachEventStoreDb(url, { onNotice })).log,
    close: () => log.close(),
  };
}

interface OpenedModels extends Pick<Engines, 'models'> {
  closeModels(): void;
}

/** The demo model is always there: it needs no service. */
async function openModels({ openai: options }: Config): Promise<OpenedModels> {
  const demo = new DemoLanguageModel(systemClock);
  if (options.apiKey === undefined && options.baseUrl === undefined) {
    return { models: new Map([['demo', demo]]), closeModels: () => {} };
  }
  // Its SDK takes a moment to load, and most starts on a new machine need none.
  const { OpenAiLanguageModel } = await import('../adapters/openai/openai-language-model.js');
  const openai = new OpenAiLanguageModel(options, systemClock);
  const models = new Map<string, LanguageModel>([
    ['demo', demo],
    ['openai', openai],
  ]);
  return { models, closeModels: () => openai.close() };
}
