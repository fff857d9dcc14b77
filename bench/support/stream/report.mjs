import { median, rounded } from '../statistics.mjs';

const ADDED_BY = ['proxy', 'floor', 'ours', 'portkey'];

/** Of levels of load, each with its arms, each with its rounds. Portkey may be missing. */
export function summary(paced, flatOut) {
  return {
    addedTtftMs: mapValues(paced, (arms) => addedTo(arms, 'ttftMs')),
    oursToFloor: mapValues(paced, (arms) => ttftRatio(arms, arms.floor)),
    oursToPortkeyTtft: mapValues(paced, (arms) => ttftRatio(arms, arms.portkey)),
    oursToProxyTtft: mapValues(paced, (arms) => ttftRatio(arms, arms.proxy)),
    addedLaterDeltaMs: mapValues(paced, (arms) => addedTo(arms, 'laterMs')),
    directMs: mapValues(paced, ({ direct }) => ({
      ttft: percentiles(direct, ({ ttftMs }) => ttftMs),
      laterDelta: percentiles(direct, ({ laterMs }) => laterMs),
    })),
    flatOut: {
      deltasPerSecond: mapValues(flatOut, rates),
      oursToPortkey: mapValues(flatOut, ({ ours, portkey }) => ratio(ours, portkey, rateOf)),
    },
    cpuMicrosPerDelta: mapValues({ ...paced, ...flatOut }, cpuPerDelta),
  };
}

const mapValues = (object, change) =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));

/** What each arm adds to the same percentile of a direct call in the same round. */
function addedTo({ direct, ...arms }, figure) {
  const added = (rounds) => percentiles(rounds, (round, nth) => minus(round[figure], direct[nth][figure]));
  return Object.fromEntries(ADDED_BY.map((name) => [name, arms[name] ? added(arms[name]) : null]));
}

const rateOf = ({ deltasPerSecond }) => deltasPerSecond;

function rates(arms) {
  const rate = (rounds) => (rounds ? median(rounds.map(rateOf)) : null);
  return Object.fromEntries(['direct', ...ADDED_BY].map((name) => [name, rate(arms[name])]));
}

const minus = (one, other) => ({ p50: one.p50 - other.p50, p99: one.p99 - other.p99 });

function percentiles(rounds, of) {
  const figures = rounds.map(of);
  return { p50: rounded(median(figures.map(({ p50 }) => p50))), p99: rounded(median(figures.map(({ p99 }) => p99))) };
}

function ttftRatio({ direct, ours }, others) {
  return ratio(ours, others, (round, nth) => round.ttftMs.p50 - direct[nth].ttftMs.p50);
}

function ratio(ours, others, of) {
  if (!ours || !others) return null;
  return rounded(median(ours.map((round, nth) => of(round, nth) / of(others[nth], nth))));
}

/** Over all rounds together, since the system counts in hundredths of a second. */
function cpuPerDelta({ proxy, floor, portkey, ours }) {
  const cpu = (rounds, key) => (rounds ? rounded((sum(rounds, key) / sum(rounds, 'deltas')) * 1e6) : null);
  const [oursNode, oursPostgres] = [cpu(ours, 'cpuSeconds'), cpu(ours, 'cpuSecondsBelow')];
  return {
    proxy: cpu(proxy, 'cpuSeconds'),
    floor: rounded(cpu(floor, 'cpuSeconds') + cpu(floor, 'cpuSecondsBelow')),
    ours: rounded(oursNode + oursPostgres),
    oursNode,
    oursPostgres,
    portkey: cpu(portkey, 'cpuSeconds'),
  };
}

const sum = (rounds, key) => rounds.reduce((total, round) => total + round[key], 0);
