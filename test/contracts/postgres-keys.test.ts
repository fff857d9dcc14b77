import { expect, it } from '@jest/globals';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresKeys } from '../../src/adapters/postgres/postgres-keys.js';
import { RetryableError } from '../../src/ports/errors.js';
import { postgresStore } from '../support/postgres-store.js';
import { keysContract } from './keys.contract.js';

keysContract('Postgres', () => postgresStore((pool) => new PostgresKeys(pool)));

it('keys in a Postgres that is away cannot be read now', async () => {
  const pool = new ConnectionPool({ host: '/nowhere' }, 1, 1_000);
  const keys = new PostgresKeys(pool);
  const revoked = { type: 'ApiKeyRevoked', data: { keyId: 'a' }, tenant: 't', revision: 0, at: '' } as const;
  await expect(keys.find('a')).rejects.toBeInstanceOf(RetryableError);
  await expect(keys.ofTenant('t')).rejects.toBeInstanceOf(RetryableError);
  await expect(keys.record(revoked)).rejects.toBeInstanceOf(RetryableError);
  await pool.close();
});
