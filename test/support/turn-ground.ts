import type pg from 'pg';
import type { EventLog } from '../../src/ports/event-log.js';
import { type ServerOptions, ServerProcess } from './failpoint-process.js';
import { databaseUrl, served, startTestPostgres, type TestPostgres } from './postgres-cluster.js';
import { startTestLog } from './test-log.js';

/** A new database, and a log that nothing was written to. */
export interface TurnStores {
  /** What servers are told to find both. */
  readonly environment: Record<string, string>;
  /** As this process sees it. */
  readonly log: EventLog;
  readonly connection: pg.ClientConfig;
}

/** Tests that kill servers share a PostgreSQL, which outlives the servers. */
export class TurnGround {
  private constructor(private readonly postgres: TestPostgres) {}

  static async prepare(): Promise<TurnGround> {
    return new TurnGround(await startTestPostgres());
  }

  server(options: ServerOptions): ServerProcess {
    return new ServerProcess(options);
  }

  async withStores<T>(work: (stores: TurnStores) => Promise<T>): Promise<T> {
    const connection = await this.postgres.newDatabase();
    const testLog = await startTestLog();
    const log = testLog.open(connection);
    try {
      const environment = { DATABASE_URL: databaseUrl(await served(connection)), ...testLog.environment };
      return await work({ environment, log, connection });
    } finally {
      await log.close();
      await testLog.stop();
    }
  }

  clear(): Promise<void> {
    return this.postgres.stop();
  }
}
