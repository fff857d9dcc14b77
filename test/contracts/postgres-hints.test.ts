import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresHints } from '../../src/adapters/postgres/postgres-hints.js';
import { startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';
import { until } from '../support/until.js';
import { hintsContract } from './hints.contract.js';

async function hintsOn(postgres: TestPostgres) {
  const pool = new ConnectionPool(postgres.connection, 2, 10_000);
  const hints = new PostgresHints(postgres.connection, pool);
  return {
    hints,
    close: async () => {
      await hints.close();
      await pool.close();
    },
  };
}

hintsContract('PostgreSQL', async () => {
  const postgres = await startTestPostgres();
  const [one, other] = [await hintsOn(postgres), await hintsOn(postgres)];
  return {
    one: one.hints,
    other: other.hints,
    destroy: async () => {
      await one.close();
      await other.close();
      await postgres.stop();
    },
  };
});

describe('hints of PostgreSQL', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  afterAll(() => postgres.stop());

  it('arrive again after the connection was lost', async () => {
    const { hints, close } = await hintsOn(postgres);
    let received = 0;
    hints.listen('again', () => {
      received += 1;
    });
    const arrives = async () => {
      const before = received;
      await until(() => {
        if (received === before) hints.send('again');
        return received > before;
      });
    };
    await arrives();
    await withClient(postgres.connection, (client) =>
      client.query(`
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()`),
    );
    await arrives();
    expect(received).toBeGreaterThan(1);
    await close();
  });
});
