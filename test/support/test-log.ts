import { join } from 'node:path';
import type pg from 'pg';
import { EventStoreDbEventLog } from '../../src/adapters/eventstoredb/eventstoredb-event-log.js';
import { serverAddress } from '../../src/adapters/eventstoredb/server-address.js';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { type Position, START } from '../../src/events/envelope.js';
import type { AllStreamsFilter, EventLog, Page } from '../../src/ports/event-log.js';
import { logInUse, realServer } from './log-switch.js';
import { launch } from './product.js';
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
  return realServer === undefined ? onStandIn() : onServer(realServer);
}

const inItsDatabase: TestLog = {
  environment: {},
  open: (database) => new PostgresEventLog(database),
  stop: async () => {},
};

/** A process of its own: what it does must not hold up the test, nor the test it. */
async function onStandIn(): Promise<TestLog> {
  const program = ['--import', join(import.meta.dirname, 'ts-loader.mjs'), standInProgram];
  const { child, output, ended } = launch([process.execPath, ...program], {});
  await until(() => output.out.includes('\n') || child.exitCode !== null);
  const url = output.out.trim();
  if (!url) throw new Error(`the stand-in did not start:\n${output.err}`);
  return {
    environment: { EVENT_LOG_URL: url },
    open: () => new EventStoreDbEventLog(serverAddress(url)),
    async stop() {
      child.kill();
      const code = await ended;
      if (code !== 0) throw new Error(`the stand-in ended with ${code}:\n${output.err}`);
    },
  };
}

const standInProgram = join(import.meta.dirname, 'eventstore', 'stand-in-process.ts');

async function onServer(url: string): Promise<TestLog> {
  const log = new EventStoreDbEventLog(serverAddress(url));
  const begin = await log.head();
  await log.close();
  return {
    environment: { EVENT_LOG_URL: url },
    open: () => new LogFrom(begin, url),
    stop: async () => {},
  };
}

/**
 * A server holds one log, with all that the tests before have written: who judges a test is shown what has come since it
 * began. The product is not, and its views hold the rest too.
 */
class LogFrom extends EventStoreDbEventLog {
  constructor(
    private readonly begin: Position,
    url: string,
  ) {
    super(serverAddress(url));
  }

  override readAll(after: Position, filter?: AllStreamsFilter): AsyncIterable<Page> {
    return super.readAll(after === START ? this.begin : after, filter);
  }
}
