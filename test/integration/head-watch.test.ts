import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { type HeadReading, HeadWatch } from '../../src/adapters/postgres/head-watch.js';
import { migrate } from '../../src/adapters/postgres/migrate.js';
import { positionOf } from '../../src/adapters/postgres/position.js';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { limits } from '../../src/limits.js';
import { RetryableError } from '../../src/ports/errors.js';
import { startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';
import { RecordedHealth } from '../support/recorded-health.js';
import { until } from '../support/until.js';

const at = (position: number) => positionOf(String(position));

describe('the watch over the head of the log', () => {
  let postgres: TestPostgres;
  let connection: pg.ClientConfig;
  let watch: HeadWatch | undefined;
  let health: RecordedHealth;
  beforeAll(async () => {
    postgres = await startTestPostgres();
    connection = await postgres.newDatabase();
    await migrate(connection);
  });
  afterEach(() => watch?.close());
  afterAll(() => postgres.stop());

  /** Each look finds the next of these, and then the last one again and again. */
  function watching(...found: (HeadReading | Error)[]) {
    const looks: number[] = [];
    health = new RecordedHealth();
    watch = new HeadWatch(
      connection,
      () => false,
      async (server) => {
        await server.query({ text: 'SELECT 1', rowMode: 'array' });
        looks.push(performance.now());
        const next = found[Math.min(looks.length, found.length) - 1] as HeadReading | Error;
        if (next instanceof Error) throw next;
        return next;
      },
      health,
    );
    return { looks, watch };
  }

  const nothing: HeadReading = { head: at(0), isAll: true };

  it('reports a query that failed for another reason than an outage, and recovers with the next one', async () => {
    const denied = new Error('permission denied');
    const { looks } = watching(new RetryableError('away'), denied, nothing);
    await until(() => looks.length >= 3);
    expect(health.failures).toEqual([{ part: 'log head', error: denied }]);
    await until(() => health.failing.size === 0);
  });

  it('reports no failure of a log that has just been opened', async () => {
    const log = new PostgresEventLog(connection);
    try {
      const reported = new RecordedHealth();
      log.reportTo(reported);
      const after = await log.head();
      const subscriber = new AbortController();
      for await (const { live } of log.subscribe(after, subscriber.signal)) if (live) break;
      expect(reported.failures).toEqual([]);
    } finally {
      await log.close();
    }
  });

  it('reports to the health that the log got last', async () => {
    const log = new PostgresEventLog(connection);
    try {
      const reported = new RecordedHealth();
      log.reportTo(reported);
      await withClient(connection, (client) => client.query('ALTER TABLE log.events RENAME TO hidden'));
      await until(() => reported.failing.has('log head'));
      await withClient(connection, (client) => client.query('ALTER TABLE log.hidden RENAME TO events'));
      await until(() => reported.failing.size === 0);
    } finally {
      await log.close();
    }
  });

  const notify = (client: pg.Client) => client.query('NOTIFY verbatim_log');

  it('queries ever less often during many notifications, and once more after the last one', async () => {
    const { looks } = watching(nothing);
    await until(() => looks.length === 1);
    const began = performance.now();
    await withClient(connection, async (client) => {
      for (let nth = 0; nth < 500; nth++) await notify(client);
    });
    const told = performance.now();
    await until(() => (looks.at(-1) as number) >= told);
    // As many as there are times between them, and the few at the beginning that follow each other sooner.
    const { most } = limits.headLookMs;
    expect(looks.length).toBeLessThan(((looks.at(-1) as number) - began) / most + 2 + Math.log2(most) + 2);
  });

  it('queries again at once when a query has not returned everything', async () => {
    const { looks, watch } = watching({ head: at(5), isAll: false }, { head: at(7), isAll: true });
    await watch.waitBeyond(at(5), new AbortController().signal);
    const [first, second] = looks as [number, number];
    expect(watch.head).toBe(at(7));
    expect(second - first).toBeLessThan(limits.headPollMs / 2);
  });
});
