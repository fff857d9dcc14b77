import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { START } from '../../src/events/envelope.js';
import { follow } from '../contracts/event-log/subscribe.js';
import { newDelta, newDeltas, newStream, wholeStream } from '../support/new-events.js';
import { type OwnPostgres, startOwnPostgres, withClient } from '../support/postgres-cluster.js';
import { until } from '../support/until.js';

describe('a session with Postgres', () => {
  let postgres: OwnPostgres;

  beforeAll(async () => {
    postgres = await startOwnPostgres();
  });
  afterAll(() => postgres.stop());

  it('flushes commits and has times in UTC, whatever the URL sets', async () => {
    const { host, port, user, database } = postgres.connection;
    const options = encodeURIComponent('-c synchronous_commit=off -c TimeZone=Asia/Kolkata -c DateStyle=German');
    const connection = {
      connectionString: `postgresql:///${database}?host=${host}&port=${port}&user=${user}&options=${options}`,
    };
    const pool = new ConnectionPool(connection, 1, 5_000);
    const log = new PostgresEventLog(connection);
    try {
      expect(await pool.query({ text: 'SHOW synchronous_commit', rowMode: 'array' })).toEqual([['on']]);
      const stream = newStream();
      const event = newDelta();
      await log.append(stream, 'none', [event]);
      expect((await wholeStream(log, stream))[0]?.at).toBe(event.at);
    } finally {
      await log.close();
      await pool.close();
    }
  });

  it('appends beside another writer, on a server that prefers one snapshot for a whole transaction', async () => {
    const { host, port, user, database } = postgres.connection;
    const options = encodeURIComponent('-c default_transaction_isolation=repeatable\\ read');
    const connection = {
      connectionString: `postgresql:///${database}?host=${host}&port=${port}&user=${user}&options=${options}`,
    };
    const pool = new ConnectionPool(connection, 1, 5_000);
    const logs = [new PostgresEventLog(connection), new PostgresEventLog(connection)];
    try {
      expect(await pool.query({ text: 'SHOW transaction_isolation', rowMode: 'array' })).toEqual([['read committed']]);
      const appends = logs.flatMap((log) => newDeltas(50).map((event) => log.append(newStream(), 'none', [event])));
      const outcomes = (await Promise.all(appends)).map(({ outcome }) => outcome);
      expect(new Set(outcomes)).toEqual(new Set(['appended']));
    } finally {
      for (const log of logs) await log.close();
      await pool.close();
    }
  });

  it('is disconnected when close() of its pool resolves', async () => {
    const here = { ...postgres.connection, application_name: 'closed' };
    await withClient(postgres.connection, async (observer) => {
      for (let round = 0; round < 20; round++) {
        const pool = new ConnectionPool(here, 8, 5_000);
        await Promise.all(Array.from({ length: 8 }, () => pool.query({ text: 'SELECT 1', rowMode: 'array' })));
        await pool.close();
        const sql = `SELECT count(*)::int AS left FROM pg_stat_activity WHERE application_name = 'closed'`;
        expect((await observer.query(sql)).rows).toEqual([{ left: 0 }]);
      }
    });
  });

  it.each(['5000', 'hello', ''])('does not trust the payload of a notification: %j', async (payload) => {
    const log = new PostgresEventLog(postgres.connection);
    const subscriber = follow(log, START);
    try {
      await until(() => subscriber.pages.at(-1)?.live === true);
      await withClient(postgres.connection, (client) => client.query(`NOTIFY verbatim_log, '${payload}'`));
      const event = newDelta();
      const writer = new PostgresEventLog(postgres.connection);
      await writer.append(newStream(), 'none', [event]);
      await writer.close();
      await until(() => subscriber.ids().includes(event.id));
    } finally {
      await subscriber.stop();
      await log.close();
    }
  });
});
