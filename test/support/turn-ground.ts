import type pg from 'pg';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { type CompiledSources, compileSources } from './compiled-sources.js';
import { type ServerOptions, ServerProcess } from './failpoint-process.js';
import { startTestPostgres, type TestPostgres } from './postgres-cluster.js';

/** What a file of tests shares that kill servers: their program, and a PostgreSQL that outlives them. */
export class TurnGround {
  private constructor(
    private readonly sources: CompiledSources,
    private readonly postgres: TestPostgres,
  ) {}

  static async prepare(): Promise<TurnGround> {
    const sources = await compileSources();
    try {
      return new TurnGround(sources, await startTestPostgres());
    } catch (error) {
      await sources.remove();
      throw error;
    }
  }

  server(options: ServerOptions): ServerProcess {
    return new ServerProcess(this.sources.directory, options);
  }

  /** Runs `work` with the address of a new database, and with its log as this process sees it. */
  async withDatabase<T>(
    work: (url: string, log: PostgresEventLog, connection: pg.ClientConfig) => Promise<T>,
  ): Promise<T> {
    const connection = await this.postgres.newDatabase();
    const log = new PostgresEventLog(connection);
    const { host, port, user, database } = connection;
    try {
      return await work(
        `postgres://${user}@localhost/${database}?host=${encodeURIComponent(host)}&port=${port}`,
        log,
        connection,
      );
    } finally {
      await log.close();
    }
  }

  async clear(): Promise<void> {
    await this.postgres.stop();
    await this.sources.remove();
  }
}
