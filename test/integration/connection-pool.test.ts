import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { RetryableError } from '../../src/ports/errors.js';
import { startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';
import { until } from '../support/until.js';

describe('a transaction of the connection pool', () => {
  let postgres: TestPostgres;
  let pool: ConnectionPool;
  let end: (backend: number) => Promise<void>;
  beforeAll(async () => {
    postgres = await startTestPostgres();
    const connection = await postgres.newDatabase();
    pool = new ConnectionPool(connection, 1, 5_000);
    end = (backend) =>
      withClient(connection, async (client) => {
        await client.query('SELECT pg_terminate_backend($1)', [backend]);
        const gone = 'SELECT count(*)::int AS left FROM pg_stat_activity WHERE pid = $1';
        await until(async () => (await client.query(gone, [backend])).rows[0].left === 0);
      });
  });
  afterAll(async () => {
    await pool.close();
    await postgres.stop();
  });

  it('is a retryable error, and not the end of the process, when its connection ends between two statements', async () => {
    const cut = pool.inTransaction(async (query) => {
      const [[backend] = []] = await query('SELECT pg_backend_pid()');
      await end(backend);
      // The socket tells of its end in its own time.
      await new Promise((resolve) => setTimeout(resolve, 50));
      await query('SELECT 1');
    });
    await expect(cut).rejects.toBeInstanceOf(RetryableError);
    expect(await pool.inTransaction((query) => query('SELECT 2'))).toEqual([[2]]);
  });

  it('leaves no listener behind on a connection that goes back to the pool', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    for (let nth = 0; nth < 20; nth++) await pool.inTransaction((query) => query('SELECT 1'));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });
});

describe('an idle connection pool', () => {
  it('keeps one session for the first query after a pause, and closes the others', async () => {
    const postgres = await startTestPostgres();
    // The driver's own setting, which the product leaves at ten seconds.
    const quickly = { ...(await postgres.newDatabase()), idleTimeoutMillis: 20 };
    const pool = new ConnectionPool(quickly, 2, 5_000);
    const ask = async () => (await pool.query<[number]>({ text: 'SELECT pg_backend_pid()', rowMode: 'array' }))[0]?.[0];
    try {
      const first = await Promise.all([ask(), ask()]);
      expect(new Set(first).size).toBe(2);
      await withClient(quickly, async (client) => {
        const left = 'SELECT pid FROM pg_stat_activity WHERE pid = ANY ($1)';
        await until(async () => (await client.query(left, [first])).rowCount === 1);
        // Twenty times the time after which it would have ended.
        const since = performance.now();
        await until(() => performance.now() - since > 400);
        expect((await client.query(left, [first])).rows).toEqual([{ pid: await ask() }]);
      });
    } finally {
      await pool.close();
      await postgres.stop();
    }
  });
});
