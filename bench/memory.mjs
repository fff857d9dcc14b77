// What a turn costs the log at the beginning and at the end of a conversation, and what a process that answers holds on to.
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startChild } from './support/child.mjs';
import { startServer } from './support/server.mjs';
import { median, rounded } from './support/statistics.mjs';
import { askFor } from './support/stream/message.mjs';

const CONVERSATIONS = 1_000;
const TURNS = 50;
const AT_ONCE = 32;
const KEY = `vb_bench_${'0123456789abcdef'.repeat(2)}`;
const PAGE_BYTES = 4_096;
const DELTAS = 8;

export async function bench(tell) {
  const server = await startServer();
  const dataDir = mkdtempSync(join(tmpdir(), 'verbatim-bench-data-'));
  chmodSync(dataDir, 0o755);
  const { host, port, user, database } = server.connection;
  const provider = await startChild([join(import.meta.dirname, 'support', 'stream', 'provider.mjs')]);
  const product = await startChild([join(import.meta.dirname, '..', 'dist', 'main.js')], {
    PORT: '0',
    DATABASE_URL: `postgres://${user}@localhost/${database}?host=${encodeURIComponent(host)}&port=${port}`,
    VERBATIM_DATA_DIR: dataDir,
    VERBATIM_ADMIN_KEY: KEY,
    OPENAI_BASE_URL: `${provider.address}/v1`,
    VERBATIM_MODEL: 'bench',
    LOG_LEVEL: 'fatal',
  });
  try {
    const resident = [];
    let done = 0;
    const waiting = Array.from({ length: CONVERSATIONS }, (_, nth) => nth);
    const work = async () => {
      while (waiting.pop() !== undefined) {
        await converse(product.address);
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
    rmSync(dataDir, { recursive: true, force: true });
  }
}

const post = async (url, body, headers = {}) => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return response;
};

/** One conversation with a provider that answers at once, each turn read to its end. */
async function converse(address) {
  const { id } = await (await post(`${address}/api/v1/conversations`, { title: 'bench' })).json();
  for (let turn = 0; turn < TURNS; turn++) {
    const url = `${address}/api/v1/conversations/${id}/messages`;
    const content = `${askFor(DELTAS, 0)} Question ${String(turn).padStart(3, '0')}: and what was recorded of it?`;
    const text = await (await post(url, { content }, { accept: 'text/event-stream' })).text();
    if (!text.includes('"done":true')) throw new Error(text.slice(-200));
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
