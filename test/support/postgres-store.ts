import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { startTestPostgres } from './postgres-cluster.js';

/** A Postgres of its own, on which what lives on a pool can be opened several times, as several processes would. */
export async function postgresStore<T>(on: (pool: ConnectionPool) => T) {
  const postgres = await startTestPostgres();
  const pools: ConnectionPool[] = [];
  return {
    async open(): Promise<T> {
      const pool = new ConnectionPool(postgres.connection, 5, 10_000);
      pools.push(pool);
      return on(pool);
    },
    async destroy(): Promise<void> {
      await Promise.all(pools.map((pool) => pool.close()));
      await postgres.stop();
    },
  };
}
