import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/adapters/postgres/embedded/embedded-postgres.js';
import { provideServingRole, SERVING_ROLE } from '../../src/adapters/postgres/embedded/serving-role.js';
import { migrateAll } from '../../src/adapters/postgres/migrate.js';
import { withTemporaryDirectory } from './temporary-directory.js';
import { until } from './until.js';

export interface OwnPostgresOptions {
  /** Off by default: these tests lose their machine with their data. */
  readonly fsync?: boolean;
  readonly settings?: Record<string, string>;
  readonly onNotice?: (text: string) => void;
}

export interface TestPostgres {
  /** To a database that is migrated and empty. */
  readonly connection: EmbeddedPostgres['connection'];
  /** Another database like this. */
  newDatabase(): Promise<EmbeddedPostgres['connection']>;
  /** Deletes the databases. */
  stop(): Promise<void>;
}

/** Its settings, its roles, its statistics and its life are the test's alone. */
export interface OwnPostgres extends TestPostgres {
  /** Stops PostgreSQL at once, as a power cut would; resolves when it has recovered and takes connections again. */
  crash(): Promise<void>;
  /**
   * Takes a base backup while it runs, as `pg_basebackup` does, and starts a PostgreSQL on it: what a restore leads to, or a
   * failover to a copy that is behind. As a standby it takes no writes until it is promoted.
   */
  startFromBackup(options?: { readonly asStandby?: boolean }): Promise<OwnPostgres>;
}

/**
 * Databases of its own on the PostgreSQL of this run of the tests: made in a fraction of the time that another PostgreSQL
 * takes. The suite's project must declare the global setup.
 */
export async function startTestPostgres(): Promise<TestPostgres> {
  const shared: EmbeddedPostgres['connection'] = JSON.parse(declared('VERBATIM_TEST_POSTGRES'));
  const made: string[] = [];
  const newDatabase = async () => {
    const database = `test_${randomUUID().replaceAll('-', '_')}`;
    made.push(database);
    return createDatabase(shared, database);
  };
  return {
    connection: await newDatabase(),
    newDatabase,
    stop: () =>
      withClient({ ...shared, database: 'template1' }, async (client) => {
        for (const database of made) await client.query(`DROP DATABASE ${database} WITH (FORCE)`);
      }),
  };
}

/** A PostgreSQL of its own, migrated and empty. The suite's project must declare the global setup. */
export async function startOwnPostgres(options: OwnPostgresOptions = {}): Promise<OwnPostgres> {
  return startCopyOf(templateCluster(), options);
}

/**
 * The copied database must have no connections. Its files are copied: to log each of their pages costs three times the CPU.
 */
async function createDatabase(
  connection: EmbeddedPostgres['connection'],
  database: string,
): Promise<EmbeddedPostgres['connection']> {
  const sql = `CREATE DATABASE ${database} TEMPLATE postgres STRATEGY FILE_COPY`;
  await withClient({ ...connection, database: 'template1' }, (client) => client.query(sql));
  return { ...connection, database };
}

/** A data directory with a migrated and empty cluster, for starts that test neither initdb nor migrations. */
export function withMigratedDataDirectory<T>(work: (dataDir: string) => Promise<T>): Promise<T> {
  return withTemporaryDirectory(async (dataDir) => {
    await copy(templateCluster(), dataDir);
    return work(dataDir);
  });
}

function templateCluster(): string {
  return join(declared('VERBATIM_TEST_CLUSTERS'), 'template', 'postgres');
}

function declared(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`No ${name}: does the Jest project declare test/support/global-setup.js?`);
  return value;
}

async function startCopyOf(cluster: string, options: OwnPostgresOptions): Promise<OwnPostgres> {
  const dataDir = await newDataDirectory();
  await copy(cluster, dataDir);
  return startIn(dataDir, options);
}

async function newDataDirectory(): Promise<string> {
  const dataDir = await mkdtemp(join(declared('VERBATIM_TEST_CLUSTERS'), 'clone-'));
  await chmod(dataDir, 0o755);
  return dataDir;
}

/** cp keeps owners, and the files are not ours when we are root. */
async function copy(...fromTo: [string, string]): Promise<void> {
  await promisify(execFile)('/bin/cp', ['-a', ...fromTo]);
}

async function baseBackup({ connection, directory }: EmbeddedPostgres, asStandby: boolean): Promise<string> {
  const dataDir = await newDataDirectory();
  const copied = join(dataDir, 'postgres');
  await withClient(connection, async (client) => {
    await client.query("SELECT pg_backup_start('test', true)");
    await copy(directory, dataDir);
    const { rows } = await client.query('SELECT labelfile FROM pg_backup_stop(false)');
    // The log of the server up to the end of the backup.
    await rm(join(copied, 'pg_wal'), { recursive: true });
    await copy(join(directory, 'pg_wal'), copied);
    await rm(join(copied, 'postmaster.pid'), { force: true });
    const { uid, gid } = await stat(copied);
    const add = async (name: string, text: string) => {
      await writeFile(join(copied, name), text);
      await chown(join(copied, name), uid, gid);
    };
    await add('backup_label', rows[0].labelfile);
    if (asStandby) await add('standby.signal', '');
  });
  return dataDir;
}

async function startIn(dataDir: string, options: OwnPostgresOptions): Promise<OwnPostgres> {
  const postgres = await startEmbeddedPostgres({
    dataDir,
    settings: { fsync: options.fsync ? 'on' : 'off', ...options.settings },
    onNotice: options.onNotice ?? (() => {}),
  });
  let databases = 0;
  return {
    connection: postgres.connection,
    startFromBackup: async ({ asStandby = false } = {}) => startIn(await baseBackup(postgres, asStandby), options),
    newDatabase: () => createDatabase(postgres.connection, `another_${databases++}`),
    async crash() {
      const before = postgres.postmasterPid();
      process.kill(before, 'SIGQUIT');
      await until(() => postgres.postmasterPid() !== before);
    },
    async stop() {
      await postgres.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** The same database as the role that serves, with the rights that it needs and no others. */
export async function served(connection: EmbeddedPostgres['connection']): Promise<EmbeddedPostgres['connection']> {
  await provideServingRole(connection);
  await migrateAll(connection, { servedBy: SERVING_ROLE });
  return { ...connection, user: SERVING_ROLE };
}

export function databaseUrl({ host, port, user, database }: EmbeddedPostgres['connection']): string {
  return `postgres://${user}@localhost/${database}?host=${encodeURIComponent(host)}&port=${port}`;
}

/** One connection for one piece of work. */
export async function withClient<T>(connection: pg.ClientConfig, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
