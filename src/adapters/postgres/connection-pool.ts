import { Socket } from 'node:net';
import pg from 'pg';
import { RetryableError } from '../../ports/errors.js';
import { farewell } from './farewell.js';
import { isOutage } from './outage.js';
import { settleSession } from './session.js';

/** Connections for short, independent queries. Throws RetryableError when the server is away. */
export class ConnectionPool {
  private readonly pool: pg.Pool;
  private readonly sockets = new Set<Socket>();

  constructor(config: pg.ClientConfig, connectionsMax: number, answerMs: number) {
    this.pool = new pg.Pool({
      ...config,
      max: connectionsMax,
      query_timeout: answerMs,
      connectionTimeoutMillis: answerMs,
      keepAlive: true,
      stream: () => this.socket(),
      onConnect: settleSession,
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
    await farewell(this.pool.end());
    for (const socket of this.sockets) socket.destroy();
  }

  private socket(): Socket {
    const socket = new Socket();
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    return socket;
  }
}
