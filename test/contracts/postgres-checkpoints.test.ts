import { expect, it } from '@jest/globals';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresCheckpoints } from '../../src/adapters/postgres/postgres-checkpoints.js';
import { START } from '../../src/events/envelope.js';
import { RetryableError } from '../../src/ports/errors.js';
import { postgresStore } from '../support/postgres-store.js';
import { checkpointsContract } from './checkpoints.contract.js';

checkpointsContract('Postgres', () => postgresStore((pool) => new PostgresCheckpoints(pool)));

it('checkpoints in a Postgres that is away fail for now, and not for good', async () => {
  const pool = new ConnectionPool({ host: '/nowhere' }, 1, 1_000);
  const checkpoints = new PostgresCheckpoints(pool);
  await expect(checkpoints.open('a', 1)).rejects.toBeInstanceOf(RetryableError);
  await expect(checkpoints.save('a', 1, START)).rejects.toBeInstanceOf(RetryableError);
  await pool.close();
});
