// What a session that keeps a snapshot, as a long report or a dump does, costs the appends of others: PostgreSQL keeps each
// version of a row that was updated since.
import pg from 'pg';
import { PostgresEventLog } from '../../../dist/adapters/postgres/postgres-event-log.js';
import { startServer } from '../server.mjs';
import { percentile, rounded } from '../statistics.mjs';
import { appender } from './arms.mjs';

const WARM_UP = 1_000;
const MEASURED = 1_000;
const BATCHES = 10_000;
const EVENTS_OF_A_STREAM = 10;

/** One caller, so each append is a batch. Each arm has a server of its own, and they append in turn, one event each. */
export async function idleSnapshot(tell) {
  const arms = [];
  try {
    arms.push(await startArm('noSnapshot', EVENTS_OF_A_STREAM));
    arms.push(await startArm('snapshot', EVENTS_OF_A_STREAM));
    // The row of the stream is updated with each batch, and all its versions are kept.
    arms.push(await startArm('snapshotOneStream', Number.POSITIVE_INFINITY));
    await appendInTurn(arms, WARM_UP);
    for (const { name, session } of arms) if (name !== 'noSnapshot') await holdSnapshot(session);
    const first = await appendInTurn(arms, MEASURED);
    tell(`first: ${JSON.stringify(first)}`);
    await appendInTurn(arms, BATCHES);
    const last = await appendInTurn(arms, MEASURED);
    return { batches: BATCHES, ...Object.fromEntries(arms.map(({ name }) => [name, summary(name, first, last)])) };
  } finally {
    for (const arm of arms) await arm.stop();
  }
}

function summary(name, first, last) {
  return {
    firstP50Ms: first[name],
    lastP50Ms: last[name],
    lastToFirst: rounded(last[name] / first[name]),
    lastToNoSnapshot: rounded(last[name] / last.noSnapshot),
  };
}

async function startArm(name, eventsOfAStream) {
  const server = await startServer();
  const log = new PostgresEventLog(server.connection);
  const session = new pg.Client(server.connection);
  await session.connect();
  return {
    name,
    session,
    append: appender(log, eventsOfAStream),
    async stop() {
      await session.end();
      await log.close();
      await server.stop();
    },
  };
}

async function holdSnapshot(session) {
  await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await session.query('SELECT FROM log.events LIMIT 1');
}

/** Answers the median time of each arm. */
async function appendInTurn(arms, count) {
  const times = arms.map(() => []);
  for (let done = 0; done < count; done++) {
    for (const [nth, { append }] of arms.entries()) {
      const asked = performance.now();
      await append();
      times[nth].push(performance.now() - asked);
    }
  }
  return Object.fromEntries(arms.map(({ name }, nth) => [name, rounded(percentile(times[nth], 0.5), 3)]));
}
