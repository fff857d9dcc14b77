import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresBuilds } from '../../src/adapters/postgres/views/postgres-builds.js';
import { ViewReader } from '../../src/adapters/postgres/views/view-reader.js';
import { postgresViews, type Views } from '../../src/app/read-models.js';
import { projections } from '../../src/projections/all.js';
import { startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';

const ROWS = 60_000;
const CHATS = 600;

/** As many rows as make a scan a mistake, spread over tenants, users, models and words as they are in life. */
const FILL = `
  INSERT INTO views.runs_1 (key, tenant, owner, conversation, message, model, status, requested_at, doc)
  SELECT 'g' || n, CASE n % 4 WHEN 0 THEN 'acme' ELSE 'default' END, 'user-' || n % 40, 'c' || n % ${CHATS}, 'm' || n,
    'model-' || n % 5, (ARRAY['final', 'final', 'final', 'error', 'cancelled'])[1 + n % 5],
    to_char(timestamp '2026-01-01' + n * interval '1 minute', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '{}'
  FROM generate_series(1, ${ROWS}) n;
  INSERT INTO views.said_1 (key, tenant, owner, conversation, node, terms)
  SELECT 'c' || n % ${CHATS} || '/m' || n || '/0', CASE n % 4 WHEN 0 THEN 'acme' ELSE 'default' END, 'user-' || n % 40,
    'c' || n % ${CHATS}, 'm' || n, to_tsvector('simple', 'common word' || n % 7 || ' rare' || n % 9001)
  FROM generate_series(1, ${ROWS}) n;
  INSERT INTO views.conversations_1 (key, tenant, owner, archived, updated_at, doc)
  SELECT 'c' || n, CASE n % 4 WHEN 0 THEN 'acme' ELSE 'default' END, 'user-' || n % 40, n % 50 = 0,
    to_char(timestamp '2026-01-01' + n * interval '1 minute', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '{}'
  FROM generate_series(1, ${ROWS}) n;
  INSERT INTO views.heads_1 (key, leaf, system, doc)
  SELECT 'c' || n, 'm' || n || '-99', NULL, '{}' FROM generate_series(1, ${CHATS}) n;
  INSERT INTO views.nodes_1 (key, conversation, id, kind, parent, seen, characters, doc)
  SELECT 'c' || n || '/m' || n || '-' || nth, 'c' || n, 'm' || n || '-' || nth, 'message',
    CASE WHEN nth > 0 THEN 'm' || n || '-' || nth - 1 END, nth, 10, '{}'
  FROM generate_series(1, ${CHATS}) n, generate_series(0, 99) nth;
  INSERT INTO views.usage_1 (key, tenant, day, owner, doc)
  SELECT tenant || '-' || day || '-' || u, tenant, to_char(date '2024-01-01' + day, 'YYYY-MM-DD'), 'user-' || u, '{"models":{}}'
  FROM unnest(ARRAY['default', 'acme', 'other']) tenant, generate_series(0, 500) day, generate_series(0, 39) u;
  INSERT INTO views.looks_1 (key, tenant, at, actor, owner, object, whole, doc)
  SELECT 'l' || n, CASE n % 4 WHEN 0 THEN 'acme' ELSE 'default' END,
    to_char(timestamp '2026-01-01' + n * interval '1 minute', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'auditor-' || n % 9,
    'user-' || n % 40, 'g' || n % 9001, 'c' || n % ${CHATS}, '{}'
  FROM generate_series(1, ${ROWS}) n`;

/** Asks how it would be answered, instead of asking. */
class ExplainingPool extends ConnectionPool {
  plan = '';

  override async query<Row extends unknown[]>(query: pg.QueryArrayConfig): Promise<Row[]> {
    if (query.text.includes('querytree')) return [];
    const rows = await super.query<[string]>({ ...query, text: `EXPLAIN ${query.text}` });
    this.plan = rows.map(([line]) => line).join('\n');
    return [];
  }
}

describe('what people ask of large read models', () => {
  let postgres: TestPostgres;
  let pool: ExplainingPool;
  beforeAll(async () => {
    postgres = await startTestPostgres();
    const setUp = new ConnectionPool(postgres.connection, 2, 60_000);
    await new PostgresBuilds(setUp).prepare(projections);
    await setUp.close();
    await withClient(postgres.connection, async (client) => {
      await client.query(FILL);
      await client.query('VACUUM ANALYZE');
    });
    pool = new ExplainingPool(postgres.connection, 1, 60_000);
  });
  afterAll(async () => {
    await pool.close();
    await postgres.stop();
  });

  const scope = { tenant: 'default' };
  const mine = { tenant: 'default', owner: 'user-7' };
  const before = { at: '2026-01-20T00:00:00.000Z', id: 'g100' };
  const page = { rowsMax: 51 };
  const list = { archived: false, ...page };

  const questions: [string, (views: Views) => Promise<unknown>][] = [
    ['conversations', (views) => views.conversations.list({ scope, ...list })],
    ['the next page of them', (views) => views.conversations.list({ scope, before, ...list })],
    ['my conversations', (views) => views.conversations.list({ scope: mine, ...list })],
    ['archived ones', (views) => views.conversations.list({ scope, ...list, archived: true })],
    ['conversations by a rare word', (views) => views.conversations.list({ scope, words: 'rare77', ...list })],
    ['runs', (views) => views.runs.list({ scope, ...page })],
    ['the next page of runs', (views) => views.runs.list({ scope, before, ...page })],
    ['my runs', (views) => views.runs.list({ scope: mine, ...page })],
    ['runs of a user', (views) => views.runs.list({ scope, user: 'user-3', ...page })],
    ['runs of a model', (views) => views.runs.list({ scope, model: 'model-2', ...page })],
    ['runs of a model that nobody has', (views) => views.runs.list({ scope, model: 'none', ...page })],
    ['runs that failed', (views) => views.runs.list({ scope, status: 'error', ...page })],
    ['runs of a conversation', (views) => views.runs.list({ scope, conversation: 'c5', ...page })],
    ['runs of a time', (views) => views.runs.list({ scope, from: '2026-01-02', to: '2026-01-03', ...page })],
    ['runs by a rare word', (views) => views.runs.list({ scope, words: 'rare77 common', ...page })],
    [
      'one conversation',
      (views) => views.messages.tree({ conversation: 'c5', nodesMax: 500, charactersMax: 1_000_000 }),
    ],
    ['its head', (views) => views.messages.head('c5')],
    ['looks', (views) => views.access.list({ tenant: 'default', ...page })],
    ['the next page of looks', (views) => views.access.list({ tenant: 'default', before, ...page })],
    ['looks of an auditor', (views) => views.access.list({ tenant: 'default', actor: 'auditor-3', ...page })],
    ['looks at data of a user', (views) => views.access.list({ tenant: 'default', owner: 'user-3', ...page })],
    ['looks at a run', (views) => views.access.list({ tenant: 'default', object: 'g77', ...page })],
    ['looks at a conversation', (views) => views.access.list({ tenant: 'default', object: 'c5', before, ...page })],
    [
      'looks of a time',
      (views) => views.access.list({ tenant: 'default', from: '2026-01-02', to: '2026-01-03', ...page }),
    ],
    ['usage of a month', (views) => views.usage.sums({ scope, by: 'model', from: '2024-02-01', to: '2024-03-01' })],
  ];

  const plans: string[] = [];

  it.each(questions)('%s: no table is read from end to end', async (_, ask) => {
    await ask(postgresViews(new ViewReader(pool)));
    expect(pool.plan).toContain('Index');
    plans.push(pool.plan);
    expect(pool.plan.split('\n').filter((line) => /Seq Scan on \w+_1\b/.test(line))).toEqual([]);
  });

  it('a question above reads each table that has an index', () => {
    const searched = projections.flatMap(({ tables }) => tables.filter(({ indexes }) => indexes.length > 0));
    const unread = searched.filter(({ name }) => !plans.some((plan) => plan.includes(` ${name}_1`)));
    expect(unread.map(({ name }) => `fill ${name}_1 in FILL, and add a question that reads it`)).toEqual([]);
  });

  it('words are looked up before conversations are read, whatever the planner estimates of their frequency', async () => {
    await postgresViews(new ViewReader(pool)).conversations.list({ scope, words: 'rare77', ...list });
    expect(pool.plan).toMatch(/InitPlan.+Bitmap Index Scan on said_1_terms_idx.+key = ANY \(\(InitPlan/s);
  });
});
