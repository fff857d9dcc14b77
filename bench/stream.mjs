// What stands between a client and a provider adds: to the first delta, to the later ones, and in CPU for each.
import { interleave } from './support/statistics.mjs';
import { startArms } from './support/stream/arms.mjs';
import { onEventStore } from './support/stream/event-store.mjs';
import { load } from './support/stream/load.mjs';
import { summary } from './support/stream/report.mjs';

export { table } from './support/stream/table.mjs';

export const variants = { 'log-url': benchOnEventStore };

const ROUNDS = 5;
const PACED = {
  streams1: { streams: 1, deltas: 20, gapMs: 20, answers: 12 },
  streams50: { streams: 50, deltas: 100, gapMs: 20, answers: 2 },
  streams200: { streams: 200, deltas: 100, gapMs: 20, answers: 2 },
};
/** By the length of an answer: the shorter they are, the more of the work is that of a turn. */
const FLAT_OUT = {
  flatOut200: { streams: 50, deltas: 200, gapMs: 0, answers: 6 },
  flatOut1500: { streams: 50, deltas: 1_500, gapMs: 0, answers: 1 },
};
const WARM_UP = { streams: 20, deltas: 200, gapMs: 0, answers: 3 };

export async function bench(tell) {
  const interruption = interrupted();
  const { arms, portkeyReason, stop } = await startArms();
  try {
    if (portkeyReason) tell(`portkey: ${portkeyReason}`);
    const results = await Promise.race([measureAll(arms, tell), interruption]);
    return { ...results, portkeyReason };
  } finally {
    await stop();
  }
}

async function benchOnEventStore(tell, url) {
  const { streams1, streams50 } = PACED;
  const how = { levels: { streams1, streams50 }, rounds: ROUNDS, warmUp: WARM_UP, interruption: interrupted() };
  return onEventStore(url, how, tell);
}

async function measureAll(arms, tell) {
  for (const arm of arms) await load(arm, WARM_UP);
  return summary(await measure(PACED, arms, tell), await measure(FLAT_OUT, arms, tell));
}

async function measure(levels, arms, tell) {
  const results = {};
  for (const [level, how] of Object.entries(levels)) {
    tell(level);
    const runs = Object.fromEntries(arms.map((arm) => [arm.name, () => load(arm, how)]));
    results[level] = await interleave(ROUNDS, runs, tell);
  }
  return results;
}

/** Rejects when the benchmark is told to end, so that nothing that it has started stays behind. */
function interrupted() {
  const interruption = new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => reject(new Error(`stopped by ${signal}`)));
  });
  // It may come while the arms are still starting, before anyone waits for it.
  interruption.catch(() => {});
  return interruption;
}
