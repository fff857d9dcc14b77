import { Socket } from 'node:net';
import pg from 'pg';
import { within } from '../../background/deadline.js';
import { limits } from '../../limits.js';
import { RetryableError } from '../../ports/errors.js';
import { isOutage } from './outage.js';
import { settleSession } from './session.js';

interface Session {
  readonly client: pg.Client;
  readonly socket: Socket;
  readonly backend: number | undefined;
}

/** One connection, opened when it is needed and again after a failure. */
export class DedicatedConnection {
  private session: Session | undefined;
  private closed = false;

  constructor(
    private readonly config: pg.ClientConfig,
    private readonly answerMs: number,
    private readonly prepare: (client: pg.Client) => Promise<void> = async () => {},
  ) {}

  /** The process id of the server's session, which notifications name. */
  get backend(): number | undefined {
    return this.session?.backend;
  }

  /** Throws RetryableError if the server cannot be reached or does not answer. The query may have run. */
  async query<Row extends unknown[]>(query: pg.QueryArrayConfig): Promise<Row[]> {
    let session: Session | undefined;
    try {
      session = this.session ?? (await this.connect());
      const result = await session.client.query<Row>(query);
      return result.rows;
    } catch (error) {
      if (!isOutage(error)) throw error;
      // The state of the old session is unknown, so the next query gets a new one.
      if (session) this.drop(session);
      throw new RetryableError('the database did not answer', { cause: error });
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    const { session } = this;
    this.session = undefined;
    if (!session) return;
    // A hanging server never closes.
    await within(limits.farewellMs, session.client.end(), undefined);
    session.socket.destroy();
  }

  private async connect(): Promise<Session> {
    const socket = new Socket();
    const client = new pg.Client({
      ...this.config,
      query_timeout: this.answerMs,
      connectionTimeoutMillis: this.answerMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: limits.databaseProbeMs,
      stream: () => socket,
    });
    const session: Session = {
      client,
      socket,
      get backend() {
        return 'processID' in client && typeof client.processID === 'number' ? client.processID : undefined;
      },
    };
    client.on('error', () => this.drop(session));
    try {
      await client.connect();
      await settleSession(client, this.answerMs);
      await this.prepare(client);
      if (this.closed) {
        await within(limits.farewellMs, client.end(), undefined);
        throw new Error('closed while connecting');
      }
    } catch (error) {
      this.drop(session);
      throw error;
    }
    this.session = session;
    return session;
  }

  /** Destroys the socket: it may be half open, where an orderly close would wait for ever. */
  private drop(session: Session): void {
    if (this.session === session) this.session = undefined;
    session.socket.destroy();
  }
}
