import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, expect, it } from '@jest/globals';
import { startEmbeddedPostgres } from '../../src/adapters/postgres/embedded/embedded-postgres.js';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { EVENTS_OF_AN_APPEND_MAX, type Journal } from '../support/journal-writers.js';
import { wholeStream } from '../support/new-events.js';
import { programOf } from '../support/programs.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';
import { until } from '../support/until.js';

const KILLS = 3;
const ACKNOWLEDGED_BEFORE_KILL = 500;

/** Runs the load until it has acknowledged enough, kills it, and enters what it acknowledged in the journal. */
async function loadUntilKilled(dataDir: string, journal: Journal): Promise<void> {
  const child = spawn(process.execPath, [programOf('append-load'), dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  let acknowledged = 0;
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    const [stream, ...ids] = line.split(' ') as [string, ...string[]];
    journal.set(stream, [...(journal.get(stream) ?? []), ...ids]);
    acknowledged += ids.length;
  });
  const closed = once(child, 'close');
  await until(() => acknowledged >= ACKNOWLEDGED_BEFORE_KILL || child.exitCode !== null, 30_000);
  child.kill('SIGKILL');
  await closed;
  if (acknowledged < ACKNOWLEDGED_BEFORE_KILL) throw new Error(`only ${acknowledged} events were acknowledged`);
}

describe('a process killed under load', () => {
  it(`keeps every acknowledged event, once, through ${KILLS} kills and starts`, async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const journal: Journal = new Map();
      for (let kill = 0; kill < KILLS; kill++) await loadUntilKilled(dataDir, journal);

      const postgres = await startEmbeddedPostgres({ dataDir, onNotice: () => {} });
      const log = new PostgresEventLog(postgres.connection);
      try {
        for (const [stream, ids] of journal) {
          const standing = (await wholeStream(log, stream)).map(({ id }) => id);
          // The last append may have been committed without anybody having heard of it.
          expect(standing.slice(0, ids.length)).toEqual(ids);
          expect(standing.length).toBeLessThanOrEqual(ids.length + EVENTS_OF_AN_APPEND_MAX);
          expect(new Set(standing).size).toBe(standing.length);
        }
      } finally {
        await log.close();
        await postgres.stop();
      }
    });
  });
});
