import pg from 'pg';
import type { Notice } from '../adapters/postgres/apply-migration.js';
import { startEmbeddedPostgres } from '../adapters/postgres/embedded/embedded-postgres.js';
import { provideServingRole, SERVING_ROLE } from '../adapters/postgres/embedded/serving-role.js';
import { migrate, migrateAll } from '../adapters/postgres/migrate.js';
import { type ReachedServer, reachServer } from '../adapters/postgres/reach-server.js';
import type { Config } from '../config.js';

/** The database of a process, chosen by the configuration here and nowhere else. */
export interface Database {
  /** As the role that serves: it may read the log, append to it and write read models, but not change the schema. */
  readonly connection: pg.ClientConfig;
  readonly description: string;
  /** No other process can have it open. */
  readonly isOursAlone: boolean;
  /** Answers with the migrations that it applied, as the owner of the schema. */
  migrate(): Promise<readonly string[]>;
  close(): Promise<void>;
}

type DatabaseConfig = Pick<Config, 'databaseUrl' | 'migrateDatabaseUrl' | 'keysUrl' | 'dataDir'>;

/** The keys have a database of their own if the configuration names one. */
const migrationOf = ({ keysUrl }: DatabaseConfig): typeof migrate => (keysUrl === undefined ? migrateAll : migrate);

export function openDatabase(config: DatabaseConfig, onNotice: Notice): Promise<Database> {
  return config.databaseUrl === undefined ? openEmbedded(config, onNotice) : openServer(config, onNotice);
}

/** For the command line, whose settings need not hold the password of the role that serves. */
export async function migrateDatabase(
  config: DatabaseConfig,
  onNotice: Notice,
): Promise<{ readonly database: string; readonly applied: readonly string[] }> {
  const { databaseUrl, migrateDatabaseUrl } = config;
  if (databaseUrl !== undefined && migrateDatabaseUrl !== undefined) {
    const owner = await reachServer(migrateDatabaseUrl, 'MIGRATE_DATABASE_URL');
    const applied = await migrationOf(config)(owner.connection, { servedBy: roleOf(databaseUrl), onNotice });
    return { database: descriptionOf(owner), applied };
  }
  const database = await openDatabase(config, onNotice);
  try {
    return { database: database.description, applied: await database.migrate() };
  } finally {
    await database.close();
  }
}

async function openServer(config: DatabaseConfig, onNotice: Notice): Promise<Database> {
  const { databaseUrl = '', migrateDatabaseUrl } = config;
  const reached = await reachServer(databaseUrl);
  return {
    connection: reached.connection,
    description: descriptionOf(reached),
    isOursAlone: false,
    async migrate() {
      if (migrateDatabaseUrl === undefined) return migrationOf(config)(reached.connection, { onNotice });
      const owner = await reachServer(migrateDatabaseUrl, 'MIGRATE_DATABASE_URL');
      return migrationOf(config)(owner.connection, { servedBy: roleOf(databaseUrl), onNotice });
    },
    close: async () => {},
  };
}

/** Its superuser only migrates. The migration creates the role that serves. */
async function openEmbedded(config: DatabaseConfig, onNotice: Notice): Promise<Database> {
  const postgres = await startEmbeddedPostgres({ dataDir: config.dataDir, onNotice });
  return {
    connection: { ...postgres.connection, user: SERVING_ROLE },
    description: `embedded PostgreSQL in ${postgres.directory}`,
    isOursAlone: true,
    async migrate() {
      await provideServingRole(postgres.connection);
      return migrationOf(config)(postgres.connection, { servedBy: SERVING_ROLE, onNotice });
    },
    close: () => postgres.stop(),
  };
}

/** The user of the URL. The driver takes PGUSER or the user of this process if there is none. */
const roleOf = (url: string): string | undefined => new pg.Client({ connectionString: url }).user;

const descriptionOf = ({ host, port, database }: ReachedServer) =>
  `PostgreSQL at ${host}:${port}, database ${database}`;
