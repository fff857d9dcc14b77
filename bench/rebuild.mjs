// How fast all read models are built anew, against the log copied out in order and nothing done with it.
import { setTimeout as sleep } from 'node:timers/promises';
import { EventStoreDBClient } from '@eventstore/db-client';
import pg from 'pg';
import { EventStoreDbEventLog } from '../dist/adapters/eventstoredb/eventstoredb-event-log.js';
import { serverAddress } from '../dist/adapters/eventstoredb/server-address.js';
import { ConnectionPool } from '../dist/adapters/postgres/connection-pool.js';
import { PostgresEventLog } from '../dist/adapters/postgres/postgres-event-log.js';
import { PostgresLeases } from '../dist/adapters/postgres/postgres-leases.js';
import { PostgresBuilds } from '../dist/adapters/postgres/views/postgres-builds.js';
import { PostgresLaneStore } from '../dist/adapters/postgres/views/postgres-lane-store.js';
import { systemClock } from '../dist/adapters/system/system-clock.js';
import { START } from '../dist/events/envelope.js';
import { Advances } from '../dist/projections/advances.js';
import { projections } from '../dist/projections/all.js';
import { ProjectionHost } from '../dist/projections/projection-host.js';
import { copyOut } from './support/copy-out.mjs';
import { codec } from './support/events.mjs';
import { openLogServer } from './support/log-server.mjs';
import { startServer } from './support/server.mjs';
import { interleave, median, rounded } from './support/statistics.mjs';
import { EVENTS_OF_A_TURN, fillWithTurns } from './support/turns.mjs';

const ROUNDS = 3;
const EVENTS = 400_000;
const CONVERSATIONS = 2_000;
const UPSERTS = 10_000;
const LOOK_MS = 5;
/** Of the log in EventStoreDB: one turn in each conversation, since the stand-in takes long to send more. */
const EVENTS_IN_EVENT_STORE = 22_000;

export const variants = { 'log-url': benchOnEventStore };

export async function bench(tell) {
  const server = await startServer();
  const log = new PostgresEventLog(server.connection);
  const pool = new ConnectionPool(server.connection, 8, 600_000);
  const builds = new PostgresBuilds(pool);
  try {
    const turnsOfEach = Math.round(EVENTS / CONVERSATIONS / EVENTS_OF_A_TURN);
    await fillWithTurns(log, { conversations: CONVERSATIONS, turnsOfEach });
    const { events } = await log.backlog(START, EVENTS * 2);
    await server.query('VACUUM ANALYZE log.events');
    tell(`${events} events written`);
    await builds.prepare(projections);
    const arms = {
      copy: () => rateOf(events, () => copyOut(server.connection, ORDERED)),
      rebuild: () => rateOf(events, () => rebuild({ log, pool, builds })),
      perEvent: () => rateOf(UPSERTS, () => upsertEach(server, log)),
    };
    await arms.rebuild();
    const { copy, rebuild: ours, perEvent } = await interleave(ROUNDS, arms, tell);
    const ratio = (others) => rounded(median(ours.map((rate, nth) => rate / others[nth])));
    return {
      events,
      rebuildToCopy: ratio(copy),
      rebuildToUpsertPerEvent: ratio(perEvent),
      rebuildEventsPerSecond: median(ours),
      copyEventsPerSecond: median(copy),
      upsertPerEventPerSecond: median(perEvent),
    };
  } finally {
    await pool.close();
    await log.close();
    await server.stop();
  }
}

/** All read models from a log in EventStoreDB, against the plain client that reads the log once and does nothing with it. */
async function benchOnEventStore(tell, url) {
  const server = await startServer();
  const logServer = await openLogServer(url);
  const log = new EventStoreDbEventLog(serverAddress(logServer.url));
  const client = EventStoreDBClient.connectionString(logServer.url);
  const pool = new ConnectionPool(server.connection, 8, 600_000);
  const builds = new PostgresBuilds(pool);
  try {
    const turnsOfEach = Math.round(EVENTS_IN_EVENT_STORE / CONVERSATIONS / EVENTS_OF_A_TURN);
    await fillWithTurns(log, { conversations: CONVERSATIONS, turnsOfEach });
    await builds.prepare(projections);
    const arms = {
      pass: () => secondsOf(() => readOnce(client)),
      rebuild: () => secondsOf(() => rebuild({ log, pool, builds })),
    };
    await catchUp({ log, pool, builds });
    const { pass, rebuild: ours } = await interleave(ROUNDS, arms, tell);
    const passes = (key) => rounded(median(ours.map((round, nth) => round[key] / pass[nth][key])));
    return {
      server: logServer.isStandIn ? 'stand-in' : 'as given',
      events: await readOnce(client),
      passes: passes('seconds'),
      cpuPasses: passes('nodeSeconds'),
      rebuildSeconds: median(ours.map(({ seconds }) => seconds)),
      passSeconds: median(pass.map(({ seconds }) => seconds)),
    };
  } finally {
    await pool.close();
    await log.close();
    await client.dispose();
    await logServer.stop();
    await server.stop();
  }
}

async function secondsOf(work) {
  const began = performance.now();
  const cpu = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { seconds: rounded((performance.now() - began) / 1_000), nodeSeconds: rounded((user + system) / 1e6) };
}

async function readOnce(client) {
  let events = 0;
  for await (const { event } of client.readAll()) if (event) events += 1;
  return events;
}

const ORDERED = `COPY (SELECT position, stream, revision, id, type, schema, tenant, at, data, meta
  FROM log.events ORDER BY position) TO STDOUT`;

async function rateOf(events, work) {
  const began = performance.now();
  await work();
  return Math.round(events / ((performance.now() - began) / 1_000));
}

/** From the order to build them until every one of them is read. */
async function rebuild(parts) {
  for (const projection of projections) await parts.builds.begin(projection);
  await runLanes(parts, (builds) => builds.every(({ state }) => state !== 'building'));
}

/** A build takes the place of a live one when it has come as far, so that one has to be at the end of the log. */
async function catchUp(parts) {
  const head = await parts.log.head();
  await runLanes(parts, (builds) => builds.every(({ position }) => position >= head));
}

async function runLanes({ log, pool, builds }, isDone) {
  const host = new ProjectionHost(projections, {
    ...{ log, codec, builds, store: new PostgresLaneStore(pool), leases: new PostgresLeases(pool) },
    ...{ clock: systemClock, holder: 'bench', leaseMs: 15_000, advances: new Advances() },
    health: {
      failed: (part, error) => {
        throw new Error(`${part} failed`, { cause: error });
      },
      recovered: () => {},
    },
    warn: (facts, message) => {
      throw new Error(`${message}: ${JSON.stringify(facts)}`);
    },
  });
  host.start();
  while (!isDone(await builds.list())) {
    await sleep(LOOK_MS);
    host.wake();
  }
  await host.stop();
}

/** What a projection without steps would do: one row written for each event, its statement prepared, its flush not awaited. */
async function upsertEach(server, log) {
  const client = new pg.Client(server.connection);
  await client.connect();
  await client.query(
    'SET synchronous_commit TO off; CREATE TEMP TABLE naive (key text PRIMARY KEY, type text, doc json)',
  );
  const text = `INSERT INTO naive VALUES ($1, $2, $3)
    ON CONFLICT (key) DO UPDATE SET type = excluded.type, doc = excluded.doc`;
  let written = 0;
  for await (const { events } of log.readAll(START)) {
    for (const { stream, type, data } of await codec.decode(events)) {
      await client.query({ name: 'naive', text, values: [stream, type, JSON.stringify(data)] });
      written += 1;
      if (written === UPSERTS) return client.end();
    }
  }
}
