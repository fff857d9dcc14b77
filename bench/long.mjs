// What a long conversation costs: opened, and answered with the same few turns in the prompt, against a short one.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PostgresEventLog } from '../dist/adapters/postgres/postgres-event-log.js';
import { startChild } from './support/child.mjs';
import { ask, KEY, startProduct } from './support/product.mjs';
import { startServer } from './support/server.mjs';
import { interleave, median, percentile, rounded } from './support/statistics.mjs';
import { readAnswer } from './support/stream/client.mjs';
import { askFor } from './support/stream/message.mjs';
import { BenchConversation, fillAtOnce } from './support/turns.mjs';

/** One page of nodes is full with the middle one: what is opened of it is as much as of the longest. */
const TURNS = { short: 5, page: 250, long: 5_000 };
const WARM_ROUNDS = 30;
const COLD_ROUNDS = 5;
const DELTAS = 5;
/** A few turns. */
const TOKEN_BUDGET = 600;
const LOOK_MS = 100;

export async function bench(tell) {
  const server = await startServer();
  const provider = await startChild([join(import.meta.dirname, 'support', 'stream', 'provider.mjs')]);
  try {
    const chats = await record(server, tell);
    const withProduct = async (act) => {
      const product = await startProduct(server.connection, provider.address);
      try {
        await send(product.address, chats.waking);
        return await act(product.address);
      } finally {
        await product.stop();
      }
    };
    await withProduct((address) => prepare(server, address, chats));
    const arms = (act) => mapValues(TURNS, (_, name) => () => act(chats[name]));
    const warm = await withProduct(async (address) => {
      const rounds = (act) =>
        interleave(
          WARM_ROUNDS,
          arms((chat) => act(address, chat)),
          () => {},
        );
      await rounds(send);
      // One after the other: what an answer of half a megabyte leaves behind is not the next question's trouble.
      return { sendMs: await rounds(send), openMs: await rounds(open) };
    });
    const cold = await interleave(
      COLD_ROUNDS,
      arms((chat) =>
        withProduct(async (address) => ({ sendMs: await send(address, chat), openMs: await open(address, chat) })),
      ),
      tell,
    );
    const ofCold = (what) => mapValues(cold, (rounds) => rounds.map((round) => round[what]));
    return { turns: TURNS, warm: figures(warm), cold: figures({ sendMs: ofCold('sendMs'), openMs: ofCold('openMs') }) };
  } finally {
    await provider.stop();
    await server.stop();
  }
}

/** Straight into the log, as the product would have. */
async function record(server, tell) {
  const log = new PostgresEventLog(server.connection);
  const chats = {};
  try {
    for (const [name, turns] of Object.entries({ ...TURNS, waking: 1 })) {
      const chat = new BenchConversation('admin');
      await fillAtOnce(log, chat, turns);
      chats[name] = chat.id;
      tell(`${name}: ${turns} turns written`);
    }
    return chats;
  } finally {
    await log.close();
  }
}

/** Until every view has them, and nobody looks any more whether their prompts have been answered; which hold as much. */
async function prepare(server, address, chats) {
  const isBehind = ({ lag }) => lag.events > 0;
  while (JSON.parse(await ask(address, 'GET', '/projections')).items.some(isBehind)) await sleep(LOOK_MS);
  const open = `SELECT FROM runtime.generations WHERE stage <> 'ended' LIMIT 1`;
  while ((await server.query(open)).rows.length > 0) await sleep(LOOK_MS);
  for (const id of Object.values(chats)) {
    await ask(address, 'PATCH', `/conversations/${id}`, { tokenBudget: TOKEN_BUDGET });
  }
}

async function open(address, id) {
  const began = performance.now();
  await ask(address, 'GET', `/conversations/${id}`);
  return performance.now() - began;
}

/** From the question to the first text. */
async function send(address, id) {
  const request = {
    url: `${address}/api/v1/conversations/${id}/messages`,
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ content: askFor(DELTAS, 0) }),
  };
  const { times, asked } = await readAnswer({ name: id, lastWords: '"status":"final"' }, request, DELTAS);
  return (times[0].received - asked) / 1_000;
}

function figures({ sendMs, openMs }) {
  const ratio = (rounds, name) => rounded(median(rounds.long.map((long, nth) => long / rounds[name][nth])));
  return {
    sendMs: mapValues(sendMs, summary),
    openMs: mapValues(openMs, summary),
    sendLongToShort: ratio(sendMs, 'short'),
    openLongToShort: ratio(openMs, 'short'),
    openLongToPage: ratio(openMs, 'page'),
  };
}

const summary = (values) => ({ p50: rounded(median(values)), p99: rounded(percentile(values, 0.99)) });
const mapValues = (object, change) =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value, name)]));
