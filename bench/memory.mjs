// What a turn costs the log at the beginning and at the end of a conversation, and what a process that answers holds on to.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { startChild } from './support/child.mjs';
import { converse } from './support/converse.mjs';
import { startProduct } from './support/product.mjs';
import { startServer } from './support/server.mjs';
import { median, rounded } from './support/statistics.mjs';

const CONVERSATIONS = 1_000;
const TURNS = 50;
const AT_ONCE = 32;
const PAGE_BYTES = 4_096;

export async function bench(tell) {
  const server = await startServer();
  const provider = await startChild([join(import.meta.dirname, 'support', 'stream', 'provider.mjs')]);
  const product = await startProduct(server.connection, provider.address);
  try {
    const resident = [];
    let done = 0;
    const waiting = Array.from({ length: CONVERSATIONS }, (_, nth) => nth);
    const work = async () => {
      while (waiting.pop() !== undefined) {
        await converse(product.address, TURNS);
        done += 1;
        if (done % (CONVERSATIONS / 20) === 0) resident.push(megabytes(product.pid));
        if (done % (CONVERSATIONS / 10) === 0) tell(`${done} conversations, ${resident.at(-1)} MB`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    const bytes = await bytesOfTurns(server.connection);
    return {
      turns: CONVERSATIONS * TURNS,
      bytesOfFirstTurn: bytes[0],
      bytesOfMiddleTurn: bytes[Math.floor(TURNS / 2)],
      bytesOfLastTurn: bytes[TURNS - 1],
      lastToFirst: rounded(bytes[TURNS - 1] / bytes[0]),
      residentMbAfterATenth: resident[1],
      residentMbAtHalf: resident[9],
      residentMbAtEnd: resident.at(-1),
    };
  } finally {
    await product.stop();
    await provider.stop();
    await server.stop();
  }
}

const megabytes = (pid) => {
  const [, pages] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
  return Math.round((Number(pages) * PAGE_BYTES) / 2 ** 20);
};

/** Of each turn the median over all conversations: what its prompt weighs, which is all that could grow with history. */
async function bytesOfTurns(connection) {
  const client = new pg.Client(connection);
  await client.connect();
  const { rows } = await client.query(`
    SELECT stream, bytes, row_number() OVER (PARTITION BY stream ORDER BY revision) AS nth
    FROM log.events WHERE type = 'PromptAssembled'`);
  await client.end();
  return Array.from({ length: TURNS }, (_, turn) =>
    median(rows.filter(({ nth }) => Number(nth) === turn + 1).map(({ bytes }) => bytes)),
  );
}
