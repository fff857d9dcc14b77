import type pg from 'pg';
import { CommandClaims } from '../../src/adapters/eventstoredb/command-claims.js';
import { EventStoreDbEventLog } from '../../src/adapters/eventstoredb/eventstoredb-event-log.js';
import { serverAddress } from '../../src/adapters/eventstoredb/server-address.js';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import type { EventLog } from '../../src/ports/event-log.js';
import { type LogServer, startLogServer } from './log-server.js';
import { logCommand, logInUse } from './log-switch.js';
import { MemoryCommandPlaces } from './memory/memory-command-places.js';
import { launch } from './product.js';
import { programOf } from './programs.js';
import { until } from './until.js';

/** Where a product of the tests has its log, on the engine that this run is about. */
export interface TestLog {
  /** What the product is told, besides where its database is. */
  readonly environment: Record<string, string>;
  /** As this process sees it; the database is that of the product. */
  open(database: pg.ClientConfig): EventLog;
  stop(): Promise<void>;
}

export async function startTestLog(): Promise<TestLog> {
  if (logInUse === 'postgres') return inItsDatabase;
  const { url, stop } = await (logCommand === undefined ? startStandInProcess() : startLogServer(logCommand));
  return {
    environment: { EVENT_LOG_URL: url },
    // It only reads: the places of commands are in the product's database.
    open: () => new CommandClaims(new EventStoreDbEventLog(serverAddress(url)), new MemoryCommandPlaces()),
    stop,
  };
}

const inItsDatabase: TestLog = {
  environment: {},
  open: (database) => new PostgresEventLog(database),
  stop: async () => {},
};

/** A process of its own: what it does must not hold up the test, nor the test it. */
export async function startStandInProcess(): Promise<Pick<LogServer, 'url' | 'stop'>> {
  const { child, output, ended } = launch([process.execPath, programOf('stand-in-process')], {});
  await until(() => output.out.includes('\n') || child.exitCode !== null);
  const url = output.out.trim();
  if (!url) throw new Error(`the stand-in did not start:\n${output.err}`);
  return {
    url,
    async stop() {
      child.kill();
      const code = await ended;
      if (code !== 0) throw new Error(`the stand-in ended with ${code}:\n${output.err}`);
    },
  };
}
