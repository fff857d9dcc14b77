// A process of its own for one bag, because its memory is measured: `node bag-process.mjs <bag|verify> <file> <connection as JSON>`.

import { createWriteStream, statSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ConnectionPool } from '../../dist/adapters/postgres/connection-pool.js';
import { PostgresEventLog } from '../../dist/adapters/postgres/postgres-event-log.js';
import { PostgresRecord } from '../../dist/adapters/postgres/postgres-record.js';
import { withFile } from '../../dist/cli/file-bytes.js';
import { nodeCrypto } from '../../dist/cli/node-crypto.js';
import { exportedBag } from '../../dist/exports/bag-export.js';
import { verifyBag } from '../../dist/verifier/verify-bag.js';

const LOOK_MS = 10;
const MIB = 1024 * 1024;
const [work, file, connection] = process.argv.slice(2);

async function writeBag() {
  const parts = JSON.parse(connection);
  const log = new PostgresEventLog(parts);
  const pool = new ConnectionPool(parts, 1, 600_000);
  const custody = { at: new Date().toISOString(), by: 'bench', reason: '' };
  const request = { tenant: 'default', scope: { tenant: true }, reveal: true, custody };
  try {
    const measured = startMeter();
    const bag = await exportedBag({ log, record: new PostgresRecord(pool), keys: { find: () => new Map() } }, request);
    await pipeline(Readable.from(bag), createWriteStream(file));
    return { ...measured(), bytes: statSync(file).size };
  } finally {
    await pool.close();
    await log.close();
  }
}

async function verify() {
  const measured = startMeter();
  const { isIntact, mistakes, facts } = await withFile(file, (bag) => verifyBag({ bag }, nodeCrypto));
  if (!isIntact) throw new Error(`not intact: ${JSON.stringify(mistakes)}`);
  const { events, prompts, answers } = facts.texts;
  return { ...measured(), entries: facts.entries, events, prompts, answers };
}

/** Seconds, CPU seconds, and the highest resident memory above that of the idle process. */
function startMeter() {
  const before = process.memoryUsage().rss;
  let most = before;
  const look = () => {
    most = Math.max(most, process.memoryUsage().rss);
  };
  const timer = setInterval(look, LOOK_MS);
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    look();
    clearInterval(timer);
    return {
      seconds: (performance.now() - began) / 1_000,
      nodeSeconds: (user + system) / 1e6,
      addedMib: Math.round((most - before) / MIB),
    };
  };
}

process.stdout.write(JSON.stringify(await (work === 'bag' ? writeBag() : verify())));
