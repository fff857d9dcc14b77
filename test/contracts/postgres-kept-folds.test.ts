import { expect, it } from '@jest/globals';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresKeptFolds } from '../../src/adapters/postgres/postgres-kept-folds.js';
import { RetryableError } from '../../src/ports/errors.js';
import { postgresStore } from '../support/postgres-store.js';
import { keptFoldsContract } from './kept-folds.contract.js';

keptFoldsContract('Postgres', () => postgresStore((pool) => new PostgresKeptFolds(pool, pool)));

it('kept folds in an unavailable Postgres fail for now, and not for good', async () => {
  const pool = new ConnectionPool({ host: '/nowhere' }, 1, 1_000);
  await expect(new PostgresKeptFolds(pool, pool).find('conversation-1', 1)).rejects.toBeInstanceOf(RetryableError);
  await pool.close();
});
