import { expect, it } from '@jest/globals';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresValueKeys } from '../../src/adapters/postgres/postgres-value-keys.js';
import { RetryableError } from '../../src/ports/errors.js';
import { startTestPostgres, withClient } from '../support/postgres-cluster.js';
import { postgresStore } from '../support/postgres-store.js';
import { until } from '../support/until.js';
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

it('a generation of wrapped keys begins after the keys that are being written under the one before', async () => {
  const postgres = await startTestPostgres();
  const pool = new ConnectionPool(postgres.connection, 3, 10_000);
  const keys = new PostgresValueKeys(pool);
  try {
    await keys.begin(1, Buffer.alloc(32));
    await withClient(postgres.connection, async (holder) => {
      // The insert stops within its statement, as on a slow disk, until the holder lets it go.
      await holder.query(`
        CREATE FUNCTION keys.wait() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END $$;
        CREATE TRIGGER wait BEFORE INSERT ON keys.keys FOR EACH ROW EXECUTE FUNCTION keys.wait();
        SELECT pg_advisory_lock(1)`);
      const waiting = async () => {
        const { rows } = await holder.query(`
          SELECT count(*)::int AS sessions FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`);
        return rows[0].sessions;
      };
      const inserted = keys.insert([{ id: 'slow', tenant: '', generation: 1, wrapped: Buffer.alloc(60) }]);
      await until(async () => (await waiting()) === 1);
      let isBegun = false;
      const left = keys.begin(2, Buffer.alloc(32)).then(() => {
        isBegun = true;
        return keys.keysUnder(1, '', 10);
      });
      await until(async () => isBegun || (await waiting()) === 2);
      await holder.query('SELECT pg_advisory_unlock(1)');
      expect(await inserted).toBe('inserted');
      expect((await left).map(({ id }) => id)).toEqual(['slow']);
    });
  } finally {
    await pool.close();
    await postgres.stop();
  }
});
