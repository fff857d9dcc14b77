// The same turns with the log in EventStoreDB and in PostgreSQL.
import { openLogServer } from '../log-server.mjs';
import { interleave, median, rounded } from '../statistics.mjs';
import { startLogArms } from './arms.mjs';
import { load } from './load.mjs';

const ARMS = ['ours', 'oursOnEventStoreDb'];

/** Levels of load as `stream` has them, for a server at this URL or for the stand-in of the tests. */
export async function onEventStore(url, { levels, rounds, warmUp, interruption }, tell) {
  const server = await openLogServer(url);
  try {
    const { arms, stop } = await startLogArms(server.url);
    try {
      const measuring = measure(arms, { levels, rounds, warmUp }, tell);
      return { server: server.isStandIn ? 'stand-in' : 'as given', ...(await Promise.race([measuring, interruption])) };
    } finally {
      await stop();
    }
  } finally {
    await server.stop();
  }
}

async function measure(arms, { levels, rounds, warmUp }, tell) {
  for (const arm of arms) await load(arm, warmUp);
  const results = {};
  for (const [level, how] of Object.entries(levels)) {
    tell(level);
    const runs = Object.fromEntries(arms.map((arm) => [arm.name, () => load(arm, how)]));
    results[level] = summary(await interleave(rounds, runs, tell));
  }
  return results;
}

function summary({ direct, ...ours }) {
  const ttft = (rounds) => median(rounds.map((round, nth) => round.ttftMs.p50 - direct[nth].ttftMs.p50));
  const total = (rounds, key) => rounds.reduce((sum, round) => sum + round[key], 0);
  const cpu = (rounds, key) => rounded((total(rounds, key) / total(rounds, 'deltas')) * 1e6);
  const figures = (of) => Object.fromEntries(ARMS.map((name) => [name, of(ours[name])]));
  const [onPostgres, onEventStoreDb] = ARMS.map((name) => ours[name]);
  return {
    addedTtftMs: figures((rounds) => rounded(ttft(rounds))),
    eventStoreDbToPostgres: rounded(
      median(
        onEventStoreDb.map(
          ({ ttftMs }, nth) =>
            (ttftMs.p50 - direct[nth].ttftMs.p50) / (onPostgres[nth].ttftMs.p50 - direct[nth].ttftMs.p50),
        ),
      ),
    ),
    nodeMicrosPerDelta: figures((rounds) => cpu(rounds, 'cpuSeconds')),
    postgresMicrosPerDelta: figures((rounds) => cpu(rounds, 'cpuSecondsBelow')),
  };
}
