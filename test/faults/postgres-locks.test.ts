import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { DedicatedConnection } from '../../src/adapters/postgres/dedicated-connection.js';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { limits } from '../../src/limits.js';
import { RetryableError } from '../../src/ports/errors.js';
import type { AppendOutcome } from '../../src/ports/event-log.js';
import { noMeter } from '../../src/ports/meter.js';
import { ApiClient } from '../support/api-client.js';
import { JournalWriters } from '../support/journal-writers.js';
import { ADMIN_KEY } from '../support/live-product.js';
import { newDelta, newStream, wholeStream } from '../support/new-events.js';
import { databaseUrl, type OwnPostgres, startOwnPostgres, withClient } from '../support/postgres-cluster.js';
import { startProduct } from '../support/product.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';
import { until } from '../support/until.js';

const WRITERS = 2;

/** Sessions of the product, as the server sees them. */
async function sessions(observer: pg.Client, waiting: 'waiting for a lock' | 'any'): Promise<number> {
  const { rows } = await observer.query(
    `SELECT count(*)::int AS count FROM pg_stat_activity
     WHERE application_name = 'product' AND ($1 OR wait_event_type = 'Lock')`,
    [waiting === 'any'],
  );
  return rows[0].count;
}

let postgres: OwnPostgres;
/** What a test has opened on it; closed also when the test fails. */
let opened: { close(): Promise<void> }[];

beforeEach(async () => {
  opened = [];
  postgres = await startOwnPostgres();
});
afterEach(async () => {
  for (const each of opened.reverse()) await each.close();
  await postgres.stop();
});

const named = () => ({ ...postgres.connection, application_name: 'product' });

function openPool(connections: number, answerMs: number): ConnectionPool {
  const pool = new ConnectionPool(named(), connections, answerMs);
  opened.push(pool);
  return pool;
}

describe('a lock that another session holds', () => {
  /** Runs `work` while a session holds what `sql` locks; `release` lets it go before the end. */
  async function withLock(
    sql: string,
    work: (release: () => Promise<unknown>, observer: pg.Client) => Promise<void>,
  ): Promise<void> {
    await withClient(postgres.connection, async (holder) => {
      await holder.query('BEGIN');
      await holder.query(sql);
      await withClient(postgres.connection, (observer) => work(() => holder.query('ROLLBACK'), observer));
    });
  }

  it('on the head of the log keeps no more than the two writers waiting, and loses and doubles no append', async () => {
    let batches = 0;
    const log = new PostgresEventLog(named(), {
      ...noMeter,
      batchSent: () => {
        batches += 1;
      },
    });
    opened.push(log);
    const writers = new JournalWriters(log, 16);
    opened.push({ close: () => writers.abandon() });
    await until(() => writers.acknowledged > 100);
    const answers: { readonly outcome: AppendOutcome; readonly afterMs: number }[] = [];
    const ask = async () => {
      const askedAt = performance.now();
      const outcome = await log.append(newStream(), 'none', [newDelta()]);
      answers.push({ outcome, afterMs: performance.now() - askedAt });
    };

    await withLock('SELECT FROM log.head FOR UPDATE', async (release, observer) => {
      await until(async () => (await sessions(observer, 'waiting for a lock')) > 0);
      const before = batches;
      const asked = Array.from({ length: 20 }, ask);
      let most = 0;
      // Long enough that each writer has given up several times.
      await until(async () => {
        most = Math.max(most, await sessions(observer, 'waiting for a lock'));
        return answers.length === asked.length && batches >= before + 3 * WRITERS;
      }, 60_000);
      expect(most).toBeLessThanOrEqual(WRITERS);
      expect(new Set(answers.map(({ outcome }) => outcome.outcome))).toEqual(new Set(['unavailable']));
      expect(Math.max(...answers.map(({ afterMs }) => afterMs))).toBeLessThan(limits.appendDeadlineMs + 5_000);
      await release();
    });

    const before = writers.acknowledged;
    await until(() => writers.acknowledged > before + 100);
    await writers.stop();
    for (const [stream, ids] of writers.journal) {
      expect((await wholeStream(log, stream)).map(({ id }) => id)).toEqual(ids);
    }
  });

  it('on a table keeps no more than the pool waiting, and the server refuses each query', async () => {
    const pool = openPool(2, limits.runtimeAnswerMs);
    const read = () => pool.query({ text: 'SELECT count(*) FROM runtime.leases', rowMode: 'array' });
    await withLock('LOCK TABLE runtime.leases', async (_release, observer) => {
      const errors: unknown[] = [];
      for (let nth = 0; nth < 6; nth++) void read().catch((error: unknown) => errors.push(error));
      let most = 0;
      await until(async () => {
        most = Math.max(most, await sessions(observer, 'waiting for a lock'));
        return errors.length === 6;
      }, 60_000);
      expect(most).toBe(2);
      expect(errors.every((error) => error instanceof RetryableError)).toBe(true);
      // Those that never got a connection were not asked.
      expect(errors.map((error) => ((error as Error).cause as { code?: string }).code)).toContain('55P03');
    });
    expect(await read()).toEqual([['0']]);
  });

  it('keeps no session of a process that was killed', async () => {
    await withTemporaryDirectory(async (directory) => {
      const product = await startProduct({
        DATABASE_URL: `${databaseUrl(postgres.connection)}&application_name=product`,
        VERBATIM_DATA_DIR: directory,
      });
      const tables = await withClient(postgres.connection, (client) =>
        client.query(`SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') AS names
          FROM pg_tables WHERE schemaname IN ('log', 'runtime', 'views')`),
      );
      await withLock(`LOCK TABLE ${tables.rows[0].names}`, async (_release, observer) => {
        await until(async () => (await sessions(observer, 'waiting for a lock')) >= 3);
        await product.stop('SIGKILL');
        await until(async () => (await sessions(observer, 'any')) === 0);
      });
    });
  }, 180_000);
});

describe('a statement that runs for long', () => {
  const SLEEP = { text: 'SELECT pg_sleep(50)', rowMode: 'array' } as const;
  const isThere = (observer: pg.Client) => async () => (await sessions(observer, 'any')) === 1;
  const isGone = (observer: pg.Client) => async () => (await sessions(observer, 'any')) === 0;

  it('is ended by the server before its client gives it up', async () => {
    const pool = openPool(1, 2_000);
    const error = await pool.query(SLEEP).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RetryableError);
    expect((error as Error).cause).toMatchObject({ code: '57014' });
  });

  it.each([
    ['a pool', (config: pg.ClientConfig) => new ConnectionPool(config, 1, 60_000)],
    ['a connection of its own', (config: pg.ClientConfig) => new DedicatedConnection(config, 60_000)],
  ])('ends soon after the client of %s has gone', async (_name, open) => {
    const connection = open(named());
    const cut = connection.query(SLEEP).catch((error: unknown) => error);
    await withClient(postgres.connection, async (observer) => {
      await until(isThere(observer));
      await connection.close();
      await until(isGone(observer));
    });
    expect(await cut).toBeInstanceOf(RetryableError);
  });

  it('is ended when a person has waited for it, and answered with 503', async () => {
    await withTemporaryDirectory(async (directory) => {
      const product = await startProduct({
        DATABASE_URL: `${databaseUrl(postgres.connection)}&application_name=product`,
        VERBATIM_DATA_DIR: directory,
        VERBATIM_ADMIN_KEY: ADMIN_KEY,
      });
      opened.push({ close: async () => void (await product.stop('SIGKILL')) });
      const client = new ApiClient(product.address, ADMIN_KEY);
      await client.ask('POST', '/conversations', { title: 'Slow' });
      await until(async () => (await client.ask('GET', '/conversations')).items.length === 1);
      await withClient(postgres.connection, async (observer) => {
        await observer.query(`CREATE OR REPLACE VIEW views.conversations AS
          SELECT c.* FROM views.conversations_1 c, LATERAL (SELECT pg_sleep(50 + length(c.key))) slow`);
        const asked = client.call('GET', '/conversations');
        const slow = async () =>
          (
            await observer.query(`SELECT pid FROM pg_stat_activity
              WHERE application_name = 'product' AND wait_event = 'PgSleep'`)
          ).rows.length;
        await until(async () => (await slow()) > 0);
        await until(async () => (await slow()) === 0);
        expect((await asked).status).toBe(503);
      });
      client.leave();
    });
  }, 180_000);

  it('leaves no transaction open when its process is frozen', async () => {
    const pool = openPool(1, 1_000);
    let ended = false;
    await withClient(postgres.connection, async (observer) => {
      const stuck = pool.inTransaction(async (query) => {
        await query('LOCK TABLE runtime.leases');
        await until(isGone(observer));
        ended = true;
      });
      await expect(stuck).rejects.toBeInstanceOf(RetryableError);
    });
    expect(ended).toBe(true);
  });
});
