// Appends to a log that is several times larger than the memory given to PostgreSQL, beside appends to an empty log.
import { newEvent } from '../events.mjs';
import { startServer } from '../server.mjs';
import { interleave, median, rounded } from '../statistics.mjs';
import { ours } from './arms.mjs';

const ROUNDS = 5;
const SETTINGS = { shared_buffers: '16MB' };
const CALLERS = 512;
const EVENTS = 600_000;
const EVENTS_OF_A_STATEMENT = 100_000;
/** As short as a tape is: each new stream goes to another page of each index. */
const EVENTS_OF_A_STREAM = 10;

export async function large(tell) {
  const server = await startServer(SETTINGS);
  try {
    const began = performance.now();
    const logMegabytes = await fill(server);
    tell(`${EVENTS} events, ${logMegabytes} MB, in ${rounded((performance.now() - began) / 1_000, 1)} s`);
    const results = await interleave(ROUNDS, { empty: measureEmpty, large: () => measure(server) }, tell);
    return { ...SETTINGS, events: EVENTS, logMegabytes, ...summary(results) };
  } finally {
    await server.stop();
  }
}

async function measureEmpty() {
  const server = await startServer(SETTINGS);
  try {
    return await measure(server);
  } finally {
    await server.stop();
  }
}

async function measure(server) {
  const { p50Ms, p99Ms } = await ours(server, 1, EVENTS_OF_A_STREAM);
  const { eventsPerSecond } = await ours(server, CALLERS, EVENTS_OF_A_STREAM);
  return { oneCallerP50Ms: p50Ms, oneCallerP99Ms: p99Ms, eventsPerSecond };
}

function summary({ empty, large }) {
  const figures = (of) => Object.fromEntries(Object.keys(empty[0]).map((key) => [key, of(key)]));
  return {
    empty: figures((key) => median(empty.map((round) => round[key]))),
    large: figures((key) => median(large.map((round) => round[key]))),
    largeToEmpty: figures((key) => rounded(median(large.map((round, nth) => round[key] / empty[nth][key])))),
  };
}

/** Written as the owner, as the product would have. Answers the size of the log in megabytes. */
async function fill(server) {
  const { type, schema, tenant, data, meta } = newEvent(0);
  const bytes = Buffer.byteLength(data) + Buffer.byteLength(meta);
  for (let from = 1; from <= EVENTS; from += EVENTS_OF_A_STATEMENT) {
    await server.query(FILL_EVENTS, [from, from + EVENTS_OF_A_STATEMENT - 1, type, schema, tenant, data, meta, bytes]);
  }
  await server.query(FILL_STREAMS, [EVENTS / EVENTS_OF_A_STREAM - 1, tenant]);
  // What the filling leaves to be cleaned and flushed is not the appends' trouble.
  await server.query('VACUUM (ANALYZE) log.events, log.streams');
  await server.query('CHECKPOINT');
  const { rows } = await server.query('SELECT pg_database_size(current_database()) / 1000000 AS megabytes');
  return Number(rows[0].megabytes);
}

/** Names that are spread over the whole index, as random ones are. */
const STREAM = (nth) => `'generation-' || md5((${nth})::text)::uuid`;

const FILL_EVENTS = `
  INSERT INTO log.events (position, stream, revision, id, type, schema, tenant, at, data, meta, bytes)
  SELECT p, ${STREAM(`(p - 1) / ${EVENTS_OF_A_STREAM}`)}, (p - 1) % ${EVENTS_OF_A_STREAM}, gen_random_uuid(),
    $3, $4, $5, now(), $6, $7, $8
  FROM generate_series($1::integer, $2) p`;

const FILL_STREAMS = `
  INSERT INTO log.streams (stream, tenant, revision, first, last)
  SELECT ${STREAM('n')}, $2, ${EVENTS_OF_A_STREAM - 1}, n * ${EVENTS_OF_A_STREAM} + 1, (n + 1) * ${EVENTS_OF_A_STREAM}
  FROM generate_series(0, $1::integer) n`;
