import pg from 'pg';
import { RetryableError } from '../../ports/errors.js';
import { sessionOptions } from './dedicated-connection.js';
import { isOutage } from './outage.js';

/** Connections for short, independent queries. Throws RetryableError when the server is away. */
export class ConnectionPool {
  private readonly pool: pg.Pool;

  constructor(config: pg.ClientConfig, connectionsMax: number, answerMs: number) {
    this.pool = new pg.Pool({
      ...config,
      max: connectionsMax,
      options: sessionOptions,
      query_timeout: answerMs,
      connectionTimeoutMillis: answerMs,
      keepAlive: true,
    });
    // A connection that dies while nobody uses it is replaced by the next query.
    this.pool.on('error', () => {});
  }

  async query<Row extends unknown[]>(query: pg.QueryArrayConfig): Promise<Row[]> {
    try {
      return (await this.pool.query<Row>(query)).rows;
    } catch (error) {
      if (!isOutage(error)) throw error;
      throw new RetryableError('the database did not answer', { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}
