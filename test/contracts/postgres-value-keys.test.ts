import { expect, it } from '@jest/globals';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresValueKeys } from '../../src/adapters/postgres/postgres-value-keys.js';
import { RetryableError } from '../../src/ports/errors.js';
import { postgresStore } from '../support/postgres-store.js';
import { valueKeysContract } from './value-keys.contract.js';

valueKeysContract('Postgres', () => postgresStore((pool) => new PostgresValueKeys(pool)));

it('wrapped keys in a Postgres that is away cannot be read or written now', async () => {
  const pool = new ConnectionPool({ host: '/nowhere' }, 1, 1_000);
  const keys = new PostgresValueKeys(pool);
  const key = { id: 'a', tenant: '', generation: 1, wrapped: Buffer.alloc(60) };
  await expect(keys.generations()).rejects.toBeInstanceOf(RetryableError);
  await expect(keys.find(['a'])).rejects.toBeInstanceOf(RetryableError);
  await expect(keys.insert([key])).rejects.toBeInstanceOf(RetryableError);
  await expect(keys.insertForScope({ tenant: 't', scope: 's' }, key)).rejects.toBeInstanceOf(RetryableError);
  await pool.close();
});
