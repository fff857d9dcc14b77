import { expect, it } from '@jest/globals';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresCheckpoints } from '../../src/adapters/postgres/postgres-checkpoints.js';
import { START } from '../../src/events/envelope.js';
import { RetryableError } from '../../src/ports/errors.js';
import { startTestPostgres } from '../support/postgres-cluster.js';
import { checkpointsContract } from './checkpoints.contract.js';

checkpointsContract('Postgres', async () => {
  const postgres = await startTestPostgres();
  const pools: ConnectionPool[] = [];
  return {
    async open() {
      const pool = new ConnectionPool(postgres.connection, 5, 10_000);
      pools.push(pool);
      return new PostgresCheckpoints(pool);
    },
    async destroy() {
      await Promise.all(pools.map((pool) => pool.close()));
      await postgres.stop();
    },
  };
});

it('checkpoints in a Postgres that is away fail for now, and not for good', async () => {
  const pool = new ConnectionPool({ host: '/nowhere' }, 1, 1_000);
  const checkpoints = new PostgresCheckpoints(pool);
  await expect(checkpoints.open('a', 1)).rejects.toBeInstanceOf(RetryableError);
  await expect(checkpoints.save('a', 1, START)).rejects.toBeInstanceOf(RetryableError);
  await pool.close();
});
