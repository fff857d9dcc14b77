import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Append } from '../../src/adapters/event-log/queue-room.js';
import { PostgresBatchWriter } from '../../src/adapters/postgres/batch-writer.js';
import { DedicatedConnection } from '../../src/adapters/postgres/dedicated-connection.js';
import { OwnCommits } from '../../src/adapters/postgres/recent-events.js';
import { newDelta, newStream } from '../support/new-events.js';
import { type OwnPostgres, startOwnPostgres, withClient } from '../support/postgres-cluster.js';

const EVENTS = 100_000;
/** More calls than those after which PostgreSQL keeps a plan. */
const FIRST_CALLS = 10;
/** A lookup reads a few pages of an index and one of the table, and a new event writes to three indexes. */
const PAGES_OF_AN_APPEND = 60;

const appendTo = (stream: string, expected: Append['expected'], command?: string): Append => ({
  stream,
  expected,
  events: [newDelta()],
  bytes: 0,
  command,
});

describe('log.append on a connection whose first calls met an empty log', () => {
  let postgres: OwnPostgres;
  let connection: DedicatedConnection;
  let writer: PostgresBatchWriter;

  beforeAll(async () => {
    // Without autovacuum nothing tells the server meanwhile that the log has grown.
    postgres = await startOwnPostgres({ settings: { autovacuum: 'off' } });
    await sql('VACUUM ANALYZE log.events, log.streams, log.command_ids');
    connection = new DedicatedConnection(postgres.connection, 30_000);
    writer = new PostgresBatchWriter(connection, new OwnCommits(() => {}), { make: () => {} });
    for (let call = 0; call < FIRST_CALLS; call++) {
      const stream = newStream();
      await writer.write([appendTo(stream, 'none')]);
      await writer.write([appendTo(stream, 0)]);
      await writer.write([appendTo(stream, 0), appendTo(newStream(), 'none', randomUUID())]);
    }
    await sql(`
      WITH added AS (
        INSERT INTO log.events (position, stream, revision, id, type, schema, tenant, at, data, meta, bytes)
        SELECT h.position + n, 'generation-' || n, 0, gen_random_uuid(), 'DeltaReceived', 1, 't', now(), '{}', '{}', 4
        FROM (SELECT max(position) AS position FROM log.events) h, generate_series(1, ${EVENTS}) n
        RETURNING position, stream
      ), commands AS (
        INSERT INTO log.command_ids (command, stream, revision) SELECT gen_random_uuid(), stream, 0 FROM added
      )
      INSERT INTO log.streams (stream, tenant, revision, first, last) SELECT stream, 't', 0, position, position FROM added`);
  });
  afterAll(async () => {
    await connection.close();
    await postgres.stop();
  });

  const sql = (text: string) => withClient(postgres.connection, async (client) => (await client.query(text)).rows);

  /** Pages of the tables of the log and of their indexes that `work` has touched. */
  async function pages(work: () => Promise<unknown>): Promise<number> {
    const before = await touched();
    await work();
    return (await touched()) - before;
  }

  async function touched(): Promise<number> {
    await connection.query({ text: 'SELECT pg_stat_force_next_flush()', rowMode: 'array' });
    await connection.query({ text: 'SELECT 1', rowMode: 'array' });
    const [row] = await sql(`
      SELECT sum(heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit + idx_blks_read, 0))::int AS pages
      FROM pg_statio_all_tables WHERE schemaname = 'log'`);
    return row.pages;
  }

  it.each([
    ['is committed', 0, undefined],
    ['is committed with its command', 0, randomUUID()],
    ['meets a conflict', 'none', undefined],
  ] as const)('looks up one append that %s, however large the log has grown', async (_which, expected, command) => {
    const stream = newStream();
    await writer.write([appendTo(stream, 'none')]);
    const append = appendTo(stream, expected, command);
    expect(await pages(() => writer.write([append]))).toBeLessThan(PAGES_OF_AN_APPEND);
  });

  it('judges a batch of 1,000 appends by looking up each of them', async () => {
    const appends = Array.from({ length: 1_000 }, () => appendTo(newStream(), 'none'));
    expect(await pages(() => writer.write(appends))).toBeLessThan(1_000 * PAGES_OF_AN_APPEND);
    const again = await writer.write(appends);
    expect(new Set(again.map(({ outcome }) => outcome))).toEqual(new Set(['already-there']));
  });
});
