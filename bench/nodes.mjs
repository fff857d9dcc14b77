// The same load on one process, on two and on three, all on one database of their own and on one machine.
import { join } from 'node:path';
import { startChild } from './support/child.mjs';
import { converse } from './support/converse.mjs';
import { cpuOfTree } from './support/cpu.mjs';
import { startProduct } from './support/product.mjs';
import { startMeter, startServer } from './support/server.mjs';
import { interleave, median, rounded } from './support/statistics.mjs';

const SIZES = [1, 2, 3];
const ROUNDS = 3;
const CLIENTS = 48;
const TURNS_EACH = 20;
/** For each process the same: a process that has done less is slower for that alone. */
const WARM_UP_TURNS = 20;

export async function bench(tell) {
  const provider = await startChild([join(import.meta.dirname, 'support', 'stream', 'provider.mjs')]);
  const fleets = [];
  try {
    for (const size of SIZES) fleets.push(await startFleet(size, provider));
    for (const fleet of fleets) await fleet.load(WARM_UP_TURNS * fleet.size);
    const arms = Object.fromEntries(fleets.map((fleet) => [`processes${fleet.size}`, () => fleet.load(TURNS_EACH)]));
    return summary(await interleave(ROUNDS, arms, tell));
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
  return {
    size,
    async load(turnsEach) {
      const meter = startMeter(server);
      const before = nodeSeconds();
      const talk = (_, nth) => converse(products[nth % size].address, turnsEach);
      await Promise.all(Array.from({ length: CLIENTS }, talk));
      const { seconds, postgresSeconds } = meter();
      const turns = CLIENTS * turnsEach;
      return {
        turnsPerSecond: Math.round(turns / seconds),
        nodeMicrosPerTurn: Math.round(((nodeSeconds() - before) / turns) * 1e6),
        postgresMicrosPerTurn: Math.round((postgresSeconds / turns) * 1e6),
      };
    },
    async stop() {
      await Promise.all(products.map((product) => product.stop()));
      await server.stop();
    },
  };
}

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
