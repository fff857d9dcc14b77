// The same load on one process, on two and on three, each fleet on a database of its own and all on one machine: so
// many turns a second, which one process carries with ease, and then as many as the fleet can do.
import { join } from 'node:path';
import { startChild } from './support/child.mjs';
import { converse, pace, startTalk } from './support/converse.mjs';
import { cpuOfTree } from './support/cpu.mjs';
import { startProduct } from './support/product.mjs';
import { startMeter, startServer } from './support/server.mjs';
import { interleave, median, rounded } from './support/statistics.mjs';

const SIZES = [1, 2, 3];
const ROUNDS = 3;
const CLIENTS = 48;
const TURNS_EACH = 20;
const PACED_TURNS = 600;
const PACED_TURNS_PER_SECOND = 60;
/** For each process the same: a process that has done less is slower for that alone. */
const WARM_UP_TURNS = 20;

export async function bench(tell) {
  const provider = await startChild([join(import.meta.dirname, 'support', 'stream', 'provider.mjs')]);
  const fleets = [];
  try {
    for (const size of SIZES) fleets.push(await startFleet(size, provider));
    for (const fleet of fleets) await fleet.flatOut(WARM_UP_TURNS * fleet.size);
    const paced = arms(fleets, ({ paced }) => paced());
    const flatOut = arms(fleets, (fleet) => fleet.flatOut(TURNS_EACH));
    return {
      paced: summary(await interleave(ROUNDS, paced, tell)),
      flatOut: summary(await interleave(ROUNDS, flatOut, tell)),
    };
  } finally {
    for (const fleet of fleets) await fleet.stop();
    await provider.stop();
  }
}

async function startFleet(size, provider) {
  const server = await startServer();
  const products = await Promise.all(
    Array.from({ length: size }, () => startProduct(server.connection, provider.address)),
  );
  const nodeSeconds = () => products.reduce((sum, { pid }) => sum + cpuOfTree(pid).own, 0);
  const addressOf = (nth) => products[nth % size].address;
  const talks = await Promise.all(Array.from({ length: CLIENTS }, (_, nth) => startTalk(addressOf(nth))));
  const measured = async (turns, load) => {
    const meter = startMeter(server);
    const before = nodeSeconds();
    await load();
    const { seconds, postgresSeconds } = meter();
    return {
      turnsPerSecond: Math.round(turns / seconds),
      nodeMicrosPerTurn: Math.round(((nodeSeconds() - before) / turns) * 1e6),
      postgresMicrosPerTurn: Math.round((postgresSeconds / turns) * 1e6),
    };
  };
  return {
    size,
    paced: () => measured(PACED_TURNS, () => pace(talks, PACED_TURNS, PACED_TURNS_PER_SECOND)),
    flatOut: (turnsEach) =>
      measured(CLIENTS * turnsEach, () =>
        Promise.all(Array.from({ length: CLIENTS }, (_, nth) => converse(addressOf(nth), turnsEach))),
      ),
    async stop() {
      await Promise.all(products.map((product) => product.stop()));
      await server.stop();
    },
  };
}

const arms = (fleets, run) => Object.fromEntries(fleets.map((fleet) => [`processes${fleet.size}`, () => run(fleet)]));

function summary(rounds) {
  const figure = (name) =>
    Object.fromEntries(Object.entries(rounds).map(([size, each]) => [size, median(each.map((one) => one[name]))]));
  const cpu = ({ nodeMicrosPerTurn, postgresMicrosPerTurn }) => nodeMicrosPerTurn + postgresMicrosPerTurn;
  const ratio = (of) => rounded(median(rounds.processes3.map((three, nth) => of(three) / of(rounds.processes1[nth]))));
  return {
    turnsPerSecond: figure('turnsPerSecond'),
    nodeMicrosPerTurn: figure('nodeMicrosPerTurn'),
    postgresMicrosPerTurn: figure('postgresMicrosPerTurn'),
    cpuOfThreeToOne: ratio(cpu),
    turnsOfThreeToOne: ratio(({ turnsPerSecond }) => turnsPerSecond),
  };
}
