import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresRecord } from '../../src/adapters/postgres/postgres-record.js';
import { startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';

const ROWS = 60_000;

/** As many rows as make a scan a mistake: one large tenant, and many small ones. */
const FILL = `
  INSERT INTO views.record_entries (tenant, index, stream, revision, event, hash, leaf)
  SELECT CASE WHEN n % 4 = 0 THEN 'tenant-' || n % 500 ELSE 'default' END, n, 'conversation-c' || n % 9000, n / 9000,
    md5(n::text)::uuid, decode(md5(n::text), 'hex'), '{"at":"2026","chain":"conversation-c' || n % 9000 || '"}' || repeat('x', 500) || CASE WHEN n % 3 = 0 THEN '"on":0,"oprev":null,"owner":"u' || n || '"' ELSE '' END
  FROM generate_series(1, ${ROWS}) n;
  INSERT INTO views.record_chains (tenant, name, next, entry, hash)
  SELECT 'default', 'conversation-c' || n, 1, n, decode(md5(n::text), 'hex') FROM generate_series(1, ${ROWS}) n;
  INSERT INTO views.record_owners (tenant, name, next, entry, hash)
  SELECT 'default', 'u' || n, 1, n, decode(md5(n::text), 'hex') FROM generate_series(1, ${ROWS}) n;
  INSERT INTO views.record_tiles (tenant, level, index, hash)
  SELECT 'default', 1 + n % 2, n, decode(md5(n::text), 'hex') FROM generate_series(1, ${ROWS}) n;
  INSERT INTO views.record_notes (tenant, size, note, verifier_key, at)
  SELECT 'tenant-' || n % 500, n, repeat('x', 300), 'key', timestamptz '2026-01-01' + n * interval '1 second'
  FROM generate_series(1, ${ROWS}) n`;

/** Asks how it would be answered, instead of asking. */
class ExplainedPool extends ConnectionPool {
  readonly plans: string[] = [];

  override async query<Row extends unknown[]>(query: pg.QueryArrayConfig): Promise<Row[]> {
    const rows = await super.query<[string]>({ ...query, text: `EXPLAIN ${query.text}` });
    this.plans.push(rows.map(([line]) => line).join('\n'));
    return [];
  }
}

const names = (count: number, prefix: string) =>
  Array.from({ length: count }, (_, nth) => ({ tenant: 'default', name: `${prefix}${nth * 7}` }));

const questions: [string, (record: PostgresRecord) => Promise<unknown>, number][] = [
  [
    'the heads that a large step continues',
    (record) =>
      record.load({
        tenants: Array.from({ length: 500 }, (_, nth) => `tenant-${nth}`),
        chains: names(2_000, 'conversation-c'),
        owners: names(2_000, 'u'),
        streams: names(2_000, 'generation-g'),
      }),
    4,
  ],
  ['the last note', (record) => record.lastNote('tenant-7'), 1],
  ['a tile of leaves', (record) => record.tile('default', { level: 0, index: 100 }, 256), 1],
  ['a tile above', (record) => record.tile('default', { level: 1, index: 100 }, 256), 1],
  ['entries', (record) => record.entries('default', 30_000, 256), 1],
  [
    'the entries of a chain',
    (record) => record.chained('default', { chain: 'conversation-c77', index: -1 }, 60_000, 500),
    1,
  ],
  ['the note of a size', (record) => record.noteOf('tenant-7', 30_007), 1],
  ['the entry of a place in a stream', (record) => record.entryOf('default', 'conversation-c77', 3), 1],
  ['the entry of an event', (record) => record.entryOfEvent('default', '7a53928fa4dd31e82c6ef826f341daec'), 1],
];

describe.each(['before the first ANALYZE', 'after it'])('a question to a large record, %s', (when) => {
  let postgres: TestPostgres;
  let pool: ExplainedPool;
  beforeAll(async () => {
    postgres = await startTestPostgres();
    await withClient(postgres.connection, async (client) => {
      for (const table of ['entries', 'chains', 'owners', 'tiles', 'notes']) {
        await client.query(`ALTER TABLE views.record_${table} SET (autovacuum_enabled = off)`);
      }
      await client.query(FILL);
      if (when === 'after it') await client.query('VACUUM ANALYZE');
    });
    pool = new ExplainedPool(postgres.connection, 1, 60_000);
  });
  afterAll(async () => {
    await pool.close();
    await postgres.stop();
  });

  it.each(questions)('about %s reads no table from end to end', async (_, ask, count) => {
    pool.plans.length = 0;
    await ask(new PostgresRecord(pool));
    expect(pool.plans).toHaveLength(count);
    // The table of trees has one row for each tenant.
    expect(pool.plans.filter((plan) => /Seq Scan on record_(?!trees)/.test(plan))).toEqual([]);
  });
});
