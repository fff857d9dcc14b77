// How many events a second are durable, each appended by a caller of its own with an expected revision.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { PostgresEventLog } from '../dist/adapters/postgres/postgres-event-log.js';
import { newEvent, newStream } from './support/events.mjs';
import { loadPeer } from './support/peers.mjs';
import { startMeter, startServer } from './support/server.mjs';
import { interleave, median, percentile, rounded } from './support/statistics.mjs';

const ROUNDS = 5;
const SECONDS = 3;
const WARM_UP_SECONDS = 0.5;
const RAW_ROWS = 500;
const RAW_CONNECTIONS = 2;
const APPENDERS = 512;
const EMMETT_CALLERS = 128;

export async function bench(tell) {
  const server = await startServer();
  try {
    await createRawTable(server);
    const emmett = await openEmmett(server);
    if (emmett.reason) tell(`emmett: ${emmett.reason}`);
    const arms = { raw: () => raw(server), ours: () => ours(server) };
    if (!emmett.reason) arms.emmett = () => viaEmmett(server, emmett.store);
    const results = await interleave(ROUNDS, arms, tell);
    await emmett.store?.close();
    return { ...summary(results), emmettReason: emmett.reason ?? null, positionsGapless: await gapless(server) };
  } finally {
    await server.stop();
  }
}

function summary({ raw, ours, emmett }) {
  const of = (rounds, key) => rounded(median(rounds.map((round) => round[key])));
  const ratio = (others) =>
    rounded(median(ours.map((round, nth) => round.eventsPerSecond / others[nth].eventsPerSecond)));
  return {
    oursToRaw: ratio(raw),
    oursToEmmett: emmett ? ratio(emmett) : null,
    oursEventsPerSecond: of(ours, 'eventsPerSecond'),
    rawEventsPerSecond: of(raw, 'eventsPerSecond'),
    emmettEventsPerSecond: emmett ? of(emmett, 'eventsPerSecond') : null,
    p50Ms: of(ours, 'p50Ms'),
    p99Ms: of(ours, 'p99Ms'),
    nodeMicrosPerEvent: of(ours, 'nodeMicrosPerEvent'),
    postgresMicrosPerEvent: of(ours, 'postgresMicrosPerEvent'),
    rawNodeMicrosPerEvent: of(raw, 'nodeMicrosPerEvent'),
    rawPostgresMicrosPerEvent: of(raw, 'postgresMicrosPerEvent'),
  };
}

/** The same columns and the same indexes as the log's, and positions from a sequence. */
async function createRawTable(server) {
  await server.query(`CREATE TABLE raw_events (LIKE log.events INCLUDING INDEXES);
    ALTER TABLE raw_events ALTER COLUMN position ADD GENERATED ALWAYS AS IDENTITY`);
}

async function gapless(server) {
  const { rows } = await server.query('SELECT count(*) = max(position) AS gapless FROM log.events');
  return rows[0].gapless;
}

/** Runs callers until the time is up, and counts what they did after the warm-up. */
async function load(server, callers, call) {
  let measuring = false;
  let events = 0;
  const latencies = [];
  const until = performance.now() + (WARM_UP_SECONDS + SECONDS) * 1_000;
  const loops = Array.from({ length: callers }, async (_, nth) => {
    for (const next = call(nth); performance.now() < until; ) {
      const asked = performance.now();
      const written = await next();
      if (!measuring) continue;
      events += written;
      latencies.push(performance.now() - asked);
    }
  });
  const done = Promise.all(loops);
  // A caller that fails ends the benchmark where it is awaited, and not before the server is stopped.
  done.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_SECONDS * 1_000));
  const read = startMeter(server);
  measuring = true;
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1_000 - 50));
  measuring = false;
  const { seconds, nodeSeconds, postgresSeconds } = read();
  await done;
  return {
    eventsPerSecond: Math.round(events / seconds),
    p50Ms: rounded(percentile(latencies, 0.5)),
    p99Ms: rounded(percentile(latencies, 0.99)),
    nodeMicrosPerEvent: rounded((nodeSeconds / events) * 1e6),
    postgresMicrosPerEvent: rounded((postgresSeconds / events) * 1e6),
  };
}

/** What a program could do that checks nothing: whole transactions of rows, of as many streams as ours writes. */
async function raw(server) {
  const columns = ['stream', 'revision', 'id', 'type', 'schema', 'tenant', 'at', 'data', 'meta', 'bytes'];
  const row = (nth) => `(${columns.map((_, column) => `$${nth * columns.length + column + 1}`).join(',')})`;
  const text = `INSERT INTO raw_events (${columns}) VALUES ${Array.from({ length: RAW_ROWS }, (_, nth) => row(nth))}`;
  const clients = Array.from({ length: RAW_CONNECTIONS }, () => new pg.Client(server.connection));
  await Promise.all(clients.map((client) => client.connect()));
  const result = await load(server, RAW_CONNECTIONS, (nth) => {
    const streams = Array.from({ length: APPENDERS / RAW_CONNECTIONS }, newStream);
    let written = 0;
    return async () => {
      const values = Array.from({ length: RAW_ROWS }, () => {
        const revision = Math.floor(written / streams.length);
        const stream = streams[written++ % streams.length];
        const { id, type, schema, tenant, at, data, meta } = newEvent(written);
        return [stream, revision, id, type, schema, tenant, at, data, meta, data.length + meta.length];
      });
      await clients[nth].query({ name: 'raw', text, values: values.flat() });
      return RAW_ROWS;
    };
  });
  await Promise.all(clients.map((client) => client.end()));
  return result;
}

async function ours(server) {
  const log = new PostgresEventLog(server.connection);
  const result = await load(server, APPENDERS, () => {
    const stream = newStream();
    let revision = 'none';
    let written = 0;
    return async () => {
      const answer = await log.append(stream, revision, [newEvent(written++)]);
      if (answer.outcome !== 'appended') throw new Error(`unexpected ${answer.outcome}`);
      revision = answer.revision;
      return 1;
    };
  });
  await log.close();
  return result;
}

async function openEmmett(server) {
  const { module, reason } = await loadPeer('emmett');
  if (reason) return { reason };
  await server.query('CREATE DATABASE emmett');
  const { host, port, user } = server.connection;
  const url = `postgresql://${user}@localhost:${port}/emmett?host=${encodeURIComponent(host)}`;
  const store = module.getPostgreSQLEventStore(url);
  await store.appendToStream(newStream(), [emmettEvent(0)]);
  return { store };
}

function emmettEvent(seq) {
  const { type, data, meta } = newEvent(seq);
  return { type, data: JSON.parse(data), metadata: JSON.parse(meta) };
}

function viaEmmett(server, store) {
  return load(server, EMMETT_CALLERS, () => {
    const stream = `generation-${randomUUID()}`;
    let version = 0n;
    return async () => {
      const expected = version === 0n ? 'STREAM_DOES_NOT_EXIST' : version;
      const { nextExpectedStreamVersion } = await store.appendToStream(stream, [emmettEvent(Number(version))], {
        expectedStreamVersion: expected,
      });
      version = nextExpectedStreamVersion;
      return 1;
    };
  });
}
