import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { newDelta, newDeltas, newStream, wholeStream } from '../support/new-events.js';
import { type OwnPostgres, startOwnPostgres, withClient } from '../support/postgres-cluster.js';
import { divideLog, partitionsOf } from '../support/small-partitions.js';

const PARTITIONS = 50;
const EVENTS_OF_A_PARTITION = 20;
/** More calls than those after which PostgreSQL keeps a plan. */
const CALLS = 12;
/** As in append-plans.test.ts. */
const PAGES_OF_AN_APPEND = 60;

describe(`a log in ${PARTITIONS} partitions`, () => {
  let postgres: OwnPostgres;
  let connection: OwnPostgres['connection'];
  /** Events in the 3rd, the 4th and the 6th partition. */
  let stream: string;

  beforeAll(async () => {
    postgres = await startOwnPostgres({ settings: { autovacuum: 'off' } });
    connection = await postgres.newDatabase();
    const ends = Array.from({ length: PARTITIONS }, (_, nth) => 1 + EVENTS_OF_A_PARTITION * (nth + 1));
    await divideLog(connection, ...ends);
    stream = newStream();
    const log = new PostgresEventLog(connection);
    let revision = -1;
    // The newest partition stays nearly empty.
    for (let nth = 0; nth < PARTITIONS - 1; nth++) {
      const own = [2, 3, 5].includes(nth) ? 1 : 0;
      if (own > 0) {
        await log.append(stream, revision < 0 ? 'none' : revision, [newDelta()]);
        revision += 1;
      }
      await log.append(newStream(), 'none', newDeltas(EVENTS_OF_A_PARTITION - own));
    }
    await log.close();
    await sql('ANALYZE log.events, log.streams');
  });
  afterAll(() => postgres.stop());

  const sql = (text: string) => withClient(connection, async (client) => (await client.query(text)).rows);

  beforeEach(() => sql('SELECT pg_stat_reset()'));

  /** How often the tables and indexes of each partition were scanned. A session reports that when it ends. */
  async function scans(work: (log: PostgresEventLog) => Promise<void>): Promise<Map<string, number>> {
    const log = new PostgresEventLog(connection);
    await work(log);
    await log.close();
    const rows = await sql(`
      SELECT relname, (seq_scan + coalesce(idx_scan, 0))::int AS scans FROM pg_stat_all_tables
      WHERE schemaname = 'log' AND relname LIKE 'events_%' AND seq_scan + coalesce(idx_scan, 0) > 0`);
    return new Map(rows.map((row) => [row.relname, row.scans]));
  }

  const nameOf = (nth: number) => `events_${1 + EVENTS_OF_A_PARTITION * nth}`;

  /** Where each process that has the log open looks for its head. */
  const newest = [PARTITIONS - 2, PARTITIONS - 1, PARTITIONS].map(nameOf);

  const withoutNewest = (touched: ReadonlyMap<string, number>) =>
    [...touched.keys()].filter((name) => !newest.includes(name)).sort();

  it('is what these tests need', async () => {
    expect(await partitionsOf(connection)).toHaveLength(PARTITIONS);
    const rows = await sql(
      `SELECT DISTINCT tableoid::regclass::text AS name FROM log.events WHERE stream = '${stream}'`,
    );
    expect(rows.map(({ name }) => name).sort()).toEqual([2, 3, 5].map((nth) => `log.${nameOf(nth)}`).sort());
  });

  it.each(['forwards', 'backwards'] as const)(
    'is read %s for a stream in the partitions between its first and its last event only',
    async (direction) => {
      const touched = await scans(async (log) => {
        for (let call = 0; call < CALLS; call++) {
          let events = 0;
          for await (const page of log.readStream(stream, { direction })) events += page.length;
          expect(events).toBe(3);
        }
      });
      // The 5th lies between them.
      expect(withoutNewest(touched)).toEqual([2, 3, 4, 5].map(nameOf).sort());
    },
  );

  it('is read in no older partition for a stream that does not exist', async () => {
    const touched = await scans(async (log) => {
      for (let call = 0; call < CALLS; call++) expect(await wholeStream(log, newStream())).toEqual([]);
    });
    expect(withoutNewest(touched)).toEqual([]);
  });

  it('is appended to through its newest partitions only', async () => {
    const touched = await scans(async (log) => {
      for (let call = 0; call < CALLS; call++) {
        await log.append(newStream(), 'none', [newDelta()]);
      }
    });
    expect(withoutNewest(touched)).toEqual([]);
    const [row] = await sql(`
      SELECT sum(heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit + idx_blks_read, 0))::int AS pages
      FROM pg_statio_all_tables WHERE schemaname = 'log'`);
    expect(row.pages).toBeGreaterThan(0);
    expect(row.pages / CALLS).toBeLessThan(PAGES_OF_AN_APPEND);
  });

  it('is looked up for a conflict in the partitions of that stream only', async () => {
    const touched = await scans(async (log) => {
      for (let call = 0; call < CALLS; call++) {
        expect(await log.append(stream, 0, [newDelta()])).toEqual({ outcome: 'conflict', revision: 2 });
      }
    });
    // The event at revision 1 is in the 4th: the search ends there.
    expect(withoutNewest(touched)).toEqual([2, 3].map(nameOf).sort());
  });
});
