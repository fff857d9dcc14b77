import { Socket } from 'node:net';
import pg from 'pg';
import { within } from '../../background/deadline.js';
import { limits } from '../../limits.js';
import { RetryableError, TimedOut } from '../../ports/errors.js';
import { isOutage, isTimeout } from './outage.js';
import { settleSession } from './session.js';

// biome-ignore lint/suspicious/noExplicitAny: a row is what the statement selects
export type Query = (text: string, values?: unknown[]) => Promise<any[][]>;

/** Connections for short, independent queries. Throws RetryableError when the server is away. */
export class ConnectionPool {
  private readonly pool: pg.Pool;
  private readonly sockets = new Set<Socket>();

  /** `prepare` runs on each new connection before its first query. */
  constructor(
    config: pg.ClientConfig,
    connectionsMax: number,
    answerMs: number,
    prepare: (client: pg.ClientBase) => Promise<void> = async () => {},
  ) {
    this.pool = new pg.Pool({
      ...config,
      max: connectionsMax,
      // The first query after a pause must not wait for a new session. The pool closes the others.
      min: 1,
      query_timeout: answerMs,
      connectionTimeoutMillis: answerMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: limits.databaseProbeMs,
      stream: () => this.socket(),
      onConnect: async (client) => {
        await settleSession(client, answerMs);
        await prepare(client);
      },
    });
    // The next query replaces a connection that dies while it is idle.
    this.pool.on('error', () => {});
  }

  query<Row extends unknown[]>(query: pg.QueryArrayConfig): Promise<Row[]> {
    return answered(async () => (await this.pool.query<Row>(query)).rows);
  }

  /** Runs `work` in a transaction. Only errors of the database become outages. */
  async inTransaction<T>(work: (query: Query) => Promise<T>): Promise<T> {
    const client = await answered(() => this.pool.connect());
    const query: Query = (text, values) =>
      answered(async () => (await client.query({ text, values, rowMode: 'array' })).rows);
    // The pool listens only while the connection is idle. Without a listener an error of the connection would end the
    // process; with one, the open or the next statement fails.
    client.on('error', ignored);
    try {
      await query('BEGIN');
      const result = await work(query);
      await query('COMMIT');
      client.off('error', ignored);
      client.release();
      return result;
    } catch (error) {
      // The session ends, and the server rolls its transaction back.
      client.release(true);
      throw error;
    }
  }

  async close(): Promise<void> {
    // A hanging server never closes.
    await within(limits.farewellMs, this.leave(), undefined);
    for (const socket of this.sockets) socket.destroy();
  }

  /** The pool resolves after it has sent its goodbye. A session is over when the server has closed the connection. */
  private async leave(): Promise<void> {
    await this.pool.end();
    await Promise.all([...this.sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve))));
  }

  private socket(): Socket {
    const socket = new Socket();
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    return socket;
  }
}

const ignored = (): void => {};

async function answered<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!isOutage(error)) throw error;
    if (isTimeout(error)) throw new TimedOut('the database did not answer in time', { cause: error });
    throw new RetryableError('the database did not answer', { cause: error });
  }
}
