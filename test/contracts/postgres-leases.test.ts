import { expect, it } from '@jest/globals';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresLeases } from '../../src/adapters/postgres/postgres-leases.js';
import { RetryableError } from '../../src/ports/errors.js';
import { startTestPostgres } from '../support/postgres-cluster.js';
import { leasesContract } from './leases.contract.js';

leasesContract('Postgres', async () => {
  const postgres = await startTestPostgres();
  const pools: ConnectionPool[] = [];
  return {
    async open() {
      const pool = new ConnectionPool(postgres.connection, 5, 10_000);
      pools.push(pool);
      return new PostgresLeases(pool);
    },
    async destroy() {
      await Promise.all(pools.map((pool) => pool.close()));
      await postgres.stop();
    },
  };
});

it('leases in a Postgres that is away fail for now, and not for good', async () => {
  const pool = new ConnectionPool({ host: '/nowhere' }, 1, 1_000);
  const leases = new PostgresLeases(pool);
  const lease = { name: 'a', holder: 'a', epoch: 1 };
  await expect(leases.acquire('a', 'a', 1)).rejects.toBeInstanceOf(RetryableError);
  await expect(leases.renew(lease, 1)).rejects.toBeInstanceOf(RetryableError);
  await expect(leases.release(lease)).rejects.toBeInstanceOf(RetryableError);
  await pool.close();
});
