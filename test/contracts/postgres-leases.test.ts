import { expect, it } from '@jest/globals';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresLeases } from '../../src/adapters/postgres/postgres-leases.js';
import { RetryableError } from '../../src/ports/errors.js';
import { postgresStore } from '../support/postgres-store.js';
import { leasesContract } from './leases.contract.js';

leasesContract('Postgres', () => postgresStore((pool) => new PostgresLeases(pool)));

it('leases in a Postgres that is away fail for now, and not for good', async () => {
  const pool = new ConnectionPool({ host: '/nowhere' }, 1, 1_000);
  const leases = new PostgresLeases(pool);
  const lease = { name: 'a', holder: 'a', epoch: 1 };
  await expect(leases.acquire('a', 'a', 1)).rejects.toBeInstanceOf(RetryableError);
  await expect(leases.renew(lease, 1)).rejects.toBeInstanceOf(RetryableError);
  await expect(leases.release(lease)).rejects.toBeInstanceOf(RetryableError);
  await pool.close();
});
