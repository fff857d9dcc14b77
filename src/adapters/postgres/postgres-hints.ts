import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { limits } from '../../limits.js';
import { ignoreOutage } from '../../ports/errors.js';
import type { Hints } from '../../ports/hints.js';
import type { ConnectionPool } from './connection-pool.js';
import { DedicatedConnection } from './dedicated-connection.js';

/** Hints as notifications of PostgreSQL. One connection listens; if it is lost, hints are lost until it is back. */
export class PostgresHints implements Hints {
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly stopping = new AbortController();
  private readonly connection: DedicatedConnection;
  private readonly listening: Promise<void>;

  constructor(
    config: pg.ClientConfig,
    private readonly pool: Pick<ConnectionPool, 'query'>,
  ) {
    this.connection = new DedicatedConnection(config, limits.runtimeAnswerMs, async (client) => {
      client.on('notification', ({ payload = '' }) => {
        for (const listener of this.listeners.get(payload) ?? []) listener();
      });
      await client.query('LISTEN verbatim_hints');
    });
    this.listening = this.keepListening();
  }

  send(hint: string): void {
    const sending = this.pool.query({
      text: "SELECT pg_notify('verbatim_hints', $1)",
      values: [hint],
      rowMode: 'array',
    });
    sending.catch(ignoreOutage);
  }

  listen(hint: string, listener: () => void): () => void {
    const listeners = this.listeners.get(hint) ?? new Set();
    this.listeners.set(hint, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.listeners.get(hint) === listeners) this.listeners.delete(hint);
    };
  }

  async close(): Promise<void> {
    this.stopping.abort();
    await this.connection.close();
    await this.listening;
  }

  private async keepListening(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.connection.query({ text: 'SELECT', rowMode: 'array' }).catch(ignoreOutage);
      await sleep(limits.hintsReconnectMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }
}
