// How long people wait for what they ask of a million runs: lists, filters, words, one run.
import { ConnectionPool } from '../dist/adapters/postgres/connection-pool.js';
import { PostgresEventLog } from '../dist/adapters/postgres/postgres-event-log.js';
import { PostgresBuilds } from '../dist/adapters/postgres/views/postgres-builds.js';
import { ViewReader } from '../dist/adapters/postgres/views/view-reader.js';
import { postgresViews } from '../dist/app/read-models.js';
import { Folds } from '../dist/commands/folds.js';
import { conversation } from '../dist/domain/conversation/conversation.js';
import { projections } from '../dist/projections/all.js';
import { RunReader } from '../dist/sse/run-reader.js';
import { codec } from './support/events.mjs';
import { startServer } from './support/server.mjs';
import { percentile, rounded } from './support/statistics.mjs';
import { BenchConversation, fill } from './support/turns.mjs';

const RUNS = 1_000_000;
const CHATS = 20_000;
const ASKED = 300;
const AT_ONCE_ROWS = 100_000;
const PAGE = { rowsMax: 51 };
const scope = { tenant: 'default' };

export async function bench(tell) {
  const server = await startServer();
  const log = new PostgresEventLog(server.connection);
  const pool = new ConnectionPool(server.connection, 4, 600_000);
  try {
    await new PostgresBuilds(pool).prepare(projections);
    for (let from = 1; from <= RUNS; from += AT_ONCE_ROWS) {
      await server.query(rowsOfTurns(from, from + AT_ONCE_ROWS - 1));
      tell(`${from + AT_ONCE_ROWS - 1} runs written`);
    }
    await server.query('VACUUM ANALYZE');
    const chat = await recorded(log);
    const questions = questionsTo(postgresViews(new ViewReader(pool)), log, chat);
    const result = {};
    for (const [name, ask] of Object.entries(questions)) {
      result[name] = await timed(ask);
      tell(`${name}: ${JSON.stringify(result[name])}`);
    }
    return { runs: RUNS, ...result };
  } finally {
    await pool.close();
    await log.close();
    await server.stop();
  }
}

/** Each question differs from the one before it, as those of many people do. */
function questionsTo(views, log, { generation }) {
  const reader = new RunReader({
    log,
    codec,
    heads: new Folds(log, codec, conversation),
    work: { find: async () => undefined },
  });
  const auditor = { ...scope, user: 'auditor', role: 'auditor' };
  const at = (nth) => new Date(Date.UTC(2026, 0, 1) + ((nth * 7919) % RUNS) * 1_000).toISOString();
  return {
    list: () => views.runs.list({ scope, ...PAGE }),
    laterPage: (nth) => views.runs.list({ scope, before: { at: at(nth), id: 'g' }, ...PAGE }),
    ofUser: (nth) => views.runs.list({ scope, user: `user-${nth % 400}`, ...PAGE }),
    ofModel: (nth) => views.runs.list({ scope, model: `model-${nth % 5}`, ...PAGE }),
    failed: (nth) => views.runs.list({ scope, status: 'error', before: { at: at(nth), id: 'g' }, ...PAGE }),
    ofConversation: (nth) => views.runs.list({ scope, conversation: `c${(nth * 31) % CHATS}`, ...PAGE }),
    rareWord: (nth) => views.runs.list({ scope, words: `rare${(nth * 37) % 50_021}`, ...PAGE }),
    commonWord: (nth) => views.runs.list({ scope, words: `word${nth % 97}`, ...PAGE }),
    conversationsByWord: (nth) =>
      views.conversations.list({ scope, archived: false, words: `rare${(nth * 37) % 50_021}`, ...PAGE }),
    usageOfAMonth: () => views.usage.sums({ scope, by: 'model', from: '2026-01-01', to: '2026-02-01' }),
    oneRun: () => reader.run(generation, auditor),
  };
}

async function timed(ask) {
  const times = [];
  for (let nth = 0; nth < ASKED; nth++) {
    const began = performance.now();
    await ask(nth);
    times.push(performance.now() - began);
  }
  return { p50Ms: rounded(percentile(times, 0.5)), p99Ms: rounded(percentile(times, 0.99)) };
}

/** One conversation of twenty turns in the log, for the question that is answered out of it. */
async function recorded(log) {
  const chat = new BenchConversation();
  await fill(log, chat, 20);
  return { generation: chat.leaf };
}

const TIME = (n) => `to_char(timestamp '2026-01-01' + ${n} * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const DOCUMENT = `json_build_object('id', 'g' || n, 'conversation', 'c' || n % ${CHATS}, 'model', 'model-' || n % 5,
  'status', 'final', 'lineage', json_build_array('g' || n), 'params', json_build_object('temperature', 0.5),
  'usage', json_build_object('promptTokens', n % 900, 'completionTokens', n % 300), 'requestedAt', ${TIME('n')})`;

/** What the projections would have written of so many turns. */
const rowsOfTurns = (from, to) => `
  INSERT INTO views.runs_1 (key, tenant, owner, conversation, message, model, status, requested_at, doc)
  SELECT 'g' || n, CASE n % 10 WHEN 0 THEN 'acme' ELSE 'default' END, 'user-' || n % 400, 'c' || n % ${CHATS}, 'm' || n,
    'model-' || n % 5, CASE WHEN n % 50 = 0 THEN 'error' ELSE 'final' END, ${TIME('n')}, ${DOCUMENT}
  FROM generate_series(${from}, ${to}) n;
  INSERT INTO views.said_1 (key, tenant, owner, conversation, node, terms)
  SELECT 'c' || n % ${CHATS} || '/m' || n || '/0', CASE n % 10 WHEN 0 THEN 'acme' ELSE 'default' END, 'user-' || n % 400,
    'c' || n % ${CHATS}, 'm' || n, to_tsvector('simple', 'some question about word' || n % 97 || ' and rare' || n % 50021)
  FROM generate_series(${from}, ${to}) n;
  INSERT INTO views.conversations_1 (key, tenant, owner, archived, updated_at, doc)
  SELECT 'c' || n, CASE n % 10 WHEN 0 THEN 'acme' ELSE 'default' END, 'user-' || n % 400, false, ${TIME('n')}, '{}'
  FROM generate_series(${from}, ${to}) n WHERE n < ${CHATS};
  INSERT INTO views.usage_1 (key, tenant, day, owner, doc)
  SELECT n, 'default', to_char(date '2026-01-01' + n % 365, 'YYYY-MM-DD'), 'user-' || n % 400,
    '{"models":{"model-1":{"runs":3,"unknownUsage":0,"promptTokens":90,"completionTokens":60,"totalTokens":150,"unknownCost":0,"costs":{"USD":"0.001"}}}}'
  FROM generate_series(${from}, ${to}) n WHERE n <= 50000`;
