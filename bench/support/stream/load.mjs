import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuOfTree } from '../cpu.mjs';
import { percentile, rounded } from '../statistics.mjs';
import { readAnswer } from './client.mjs';

/** What an arm still does behind its last answer is its own work, and not the next arm's trouble. */
const SETTLE_MS = 300;
const GOLDEN_RATIO = 0.618;

/**
 * So many streams at a time, each of them one answer after the other. The first one of each opens the connections and
 * is not in the delays, unless there is no other.
 */
export async function load(arm, { streams, deltas, gapMs, answers }) {
  const requests = await arm.requests(streams * answers, deltas, gapMs);
  const agent = new Agent({ keepAlive: true });
  const stream = async (_, nth) => {
    // Spread over an answer's length, evenly and not in step with the deltas.
    await sleep(((nth * GOLDEN_RATIO) % 1) * deltas * gapMs);
    const read = [];
    while (read.length < answers) read.push(await readAnswer(arm, requests.pop(), deltas, agent));
    return read;
  };
  const cpu = startCpuMeter(arm);
  try {
    const read = await Promise.all(Array.from({ length: streams }, stream));
    await sleep(SETTLE_MS);
    if (gapMs > 0) assertStreamed(arm, read.flat());
    const delays = delaysOf(read.flatMap((answersOfOne) => answersOfOne.slice(answers > 1 ? 1 : 0)));
    const count = streams * answers * deltas;
    return { ...delays, deltas: count, deltasPerSecond: Math.round(count / secondsOf(read.flat())), ...cpu() };
  } finally {
    agent.destroy();
  }
}

function delaysOf(answers) {
  const later = answers.flatMap(({ times }) => times.slice(1).map(({ sent, received }) => received - sent));
  return {
    ttftMs: percentilesMs(answers.map(({ asked, times }) => times[0].received - asked)),
    laterMs: percentilesMs(later),
  };
}

function percentilesMs(micros) {
  const of = (share) => rounded(percentile(micros, share) / 1_000);
  return { p50: of(0.5), p99: of(0.99) };
}

/** An arm that collects an answer and gives it away at its end would look quick in the other figures. */
function assertStreamed({ name }, answers) {
  if (answers.some(({ times }) => times[0].received > times.at(-1).sent)) {
    throw new Error(`${name} does not stream: a first delta came after the last one was sent`);
  }
}

function secondsOf(answers) {
  const last = Math.max(...answers.map(({ times }) => times.at(-1).received));
  return (last - Math.min(...answers.map(({ asked }) => asked))) / 1e6;
}

function startCpuMeter({ pid }) {
  if (pid === undefined) return () => ({});
  const before = cpuOfTree(pid);
  return () => {
    const after = cpuOfTree(pid);
    return { cpuSeconds: rounded(after.own - before.own), cpuSecondsBelow: rounded(after.below - before.below) };
  };
}
