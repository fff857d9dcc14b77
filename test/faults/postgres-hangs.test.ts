import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { START } from '../../src/events/envelope.js';
import { limits } from '../../src/limits.js';
import { follow } from '../contracts/event-log/subscribe.js';
import { withJournalWriters } from '../support/journal-writers.js';
import { newDelta, newStream, wholeStream } from '../support/new-events.js';
import { type OwnPostgres, startOwnPostgres, withClient } from '../support/postgres-cluster.js';
import { until } from '../support/until.js';

/** SIGSTOP halts every process of a server where it stands, as a machine that swaps does; SIGCONT wakes them. */
function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      // A worker may have ended since we looked; the postmaster, halted first, starts no other.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

async function processesOf(postgres: OwnPostgres): Promise<number[]> {
  const { rows } = await withClient(postgres.connection, (client) =>
    client.query("SELECT pg_read_file('postmaster.pid') AS file"),
  );
  const postmaster = Number(rows[0].file.split('\n')[0]);
  const children = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && parentOf(pid) === postmaster);
  return [postmaster, ...children.map(Number)];
}

function parentOf(pid: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1]);
  } catch {
    return 0; // It ended while we looked.
  }
}

describe('a log whose Postgres hangs', () => {
  it('closes in time', async () => {
    const postgres = await startOwnPostgres();
    const log = new PostgresEventLog(postgres.connection);
    await log.append(newStream(), 'none', [newDelta()]);
    const subscriber = follow(log, START);
    await until(() => subscriber.pages.length > 0);
    const pids = await processesOf(postgres);
    signalAll(pids, 'SIGSTOP');
    try {
      let closed = false;
      void log.close().then(() => {
        closed = true;
      });
      await until(() => closed, 2 * limits.farewellMs);
      await subscriber.stop();
    } finally {
      signalAll(pids, 'SIGCONT');
      await postgres.stop();
    }
    expect(subscriber.ids()).toHaveLength(1);
  });

  it('keeps every acknowledged event, once, when it wakes after the answers were given up', async () => {
    const postgres = await startOwnPostgres();
    const log = new PostgresEventLog(postgres.connection);
    let pids: number[] = [];
    try {
      await withJournalWriters(log, 16, async (writers) => {
        await until(() => writers.acknowledged > 200);
        pids = await processesOf(postgres);
        signalAll(pids, 'SIGSTOP');
        const before = writers.acknowledged;
        const wakeAt = performance.now() + limits.commitAnswerMs + 1_000;
        await until(() => performance.now() > wakeAt);
        signalAll(pids, 'SIGCONT');
        await until(() => writers.acknowledged > before + 200, 30_000);
        await writers.stop();
        for (const [stream, ids] of writers.journal) {
          expect((await wholeStream(log, stream)).map(({ id }) => id)).toEqual(ids);
        }
      });
    } finally {
      signalAll(pids, 'SIGCONT');
      await log.close();
      await postgres.stop();
    }
  });
});
