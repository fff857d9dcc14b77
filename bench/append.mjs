// How many events a second are durable, each appended by a caller of its own with an expected revision.
import { createRawTable, openEmmett, ours, raw, single, viaEmmett } from './support/append/arms.mjs';
import { eventStore } from './support/append/event-store.mjs';
import { idleSnapshot } from './support/append/idle-snapshot.mjs';
import { large } from './support/append/large.mjs';
import { startServer } from './support/server.mjs';
import { interleave, median, rounded } from './support/statistics.mjs';

const ROUNDS = 5;
const CALLERS = 512;
/** So few that each of them can have a connection of its own. */
const FEW_CALLERS = [1, 16, 128];

export const variants = { large, 'idle-snapshot': idleSnapshot, 'log-url': eventStore };

export async function bench(tell) {
  const server = await startServer({ max_connections: String(FEW_CALLERS.at(-1) + 22) });
  try {
    await createRawTable(server);
    const emmett = await openEmmett(server);
    if (emmett.reason) tell(`emmett: ${emmett.reason}`);
    const arms = { raw: () => raw(server), ours: () => ours(server, CALLERS) };
    for (const callers of FEW_CALLERS) {
      arms[`single${callers}`] = () => single(server, callers);
      arms[`ours${callers}`] = () => ours(server, callers);
    }
    if (!emmett.reason) arms.emmett = () => viaEmmett(server, emmett.store);
    const results = await interleave(ROUNDS, arms, tell);
    await emmett.store?.close();
    return { ...summary(results), emmettReason: emmett.reason ?? null, positionsGapless: await gapless(server) };
  } finally {
    await server.stop();
  }
}

function summary({ raw, ours, emmett, ...few }) {
  return {
    oursToRaw: ratio(ours, raw),
    oursToEmmett: emmett ? ratio(ours, emmett) : null,
    oursEventsPerSecond: of(ours, 'eventsPerSecond'),
    rawEventsPerSecond: of(raw, 'eventsPerSecond'),
    emmettEventsPerSecond: emmett ? of(emmett, 'eventsPerSecond') : null,
    p50Ms: of(ours, 'p50Ms'),
    p99Ms: of(ours, 'p99Ms'),
    nodeMicrosPerEvent: of(ours, 'nodeMicrosPerEvent'),
    postgresMicrosPerEvent: of(ours, 'postgresMicrosPerEvent'),
    rawNodeMicrosPerEvent: of(raw, 'nodeMicrosPerEvent'),
    rawPostgresMicrosPerEvent: of(raw, 'postgresMicrosPerEvent'),
    ...Object.fromEntries(
      FEW_CALLERS.map((callers) => [
        `callers${callers}`,
        summaryOfFew(few[`ours${callers}`], few[`single${callers}`], raw),
      ]),
    ),
  };
}

function summaryOfFew(ours, single, raw) {
  return {
    oursToSingle: ratio(ours, single),
    oursToRaw: ratio(ours, raw),
    oursEventsPerSecond: of(ours, 'eventsPerSecond'),
    singleEventsPerSecond: of(single, 'eventsPerSecond'),
    p50Ms: of(ours, 'p50Ms'),
    p99Ms: of(ours, 'p99Ms'),
    singleP50Ms: of(single, 'p50Ms'),
    singleP99Ms: of(single, 'p99Ms'),
  };
}

const of = (rounds, key) => rounded(median(rounds.map((round) => round[key])));
const ratio = (ours, others) =>
  rounded(median(ours.map((round, nth) => round.eventsPerSecond / others[nth].eventsPerSecond)), 3);

async function gapless(server) {
  const { rows } = await server.query('SELECT count(*) = max(position) AS gapless FROM log.events');
  return rows[0].gapless;
}
