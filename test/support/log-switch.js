// On which log the product runs in the end-to-end and fault tests. Nobody else asks the environment for it. This is
// JavaScript because Jest's configuration asks here too.

const LOGS = ['postgres', 'eventstoredb'];

export const logInUse = process.env.TEST_LOG || 'postgres';
if (!LOGS.includes(logInUse)) throw new Error(`TEST_LOG: there is no log ${logInUse}, only ${LOGS.join(' and ')}`);

/** Starts a server of EventStoreDB for a log of its own, in place of a stand-in; see test/support/log-server.ts. */
export const logCommand = process.env.TEST_LOG_COMMAND || undefined;
if (logCommand && logInUse !== 'eventstoredb') throw new Error('TEST_LOG_COMMAND needs TEST_LOG=eventstoredb');

/**
 * Run on EventStoreDB too in every run of the tests: each way to die. e2e/eventstoredb.test.ts has a turn and a restart there
 * in every run, `npm run test:eventstoredb` all other files.
 */
export const ON_BOTH_IN_EVERY_RUN = ['faults/killed-everywhere.test.ts'];

/** Never run on EventStoreDB, because what they test is not the log, or is Postgres. All others run on either. */
export const POSTGRES_ONLY = {
  'e2e/start.test.ts': 'a start with nothing but its own database; e2e/eventstoredb.test.ts starts on the other log',
  'e2e/start-variants.test.ts': 'likewise',
  'e2e/backup.test.ts': 'copies the embedded stores, of which the log is one',
  'e2e/log-copy.test.ts': 'copies between both logs, and starts each itself',
  'e2e/cli.test.ts': 'counts in positions; e2e/eventstoredb.test.ts asks the commands that read the other log',
  'e2e/image.test.ts': 'starts what the image holds, with its log in EventStoreDB',
  'e2e/record.test.ts': 'reads the log with the command line; integration/notary-engines.test.ts compares both logs',
  'e2e/dev.test.ts': 'compiles and restarts, and appends nothing',
  'e2e/database-roles.test.ts': 'the rights of roles of PostgreSQL, on the log and the read models in it',
  'faults/witness-killed.test.ts': 'a witness has a folder of its own, and no log',
  'faults/postgres-locks.test.ts': 'locks of other sessions in PostgreSQL, which EventStoreDB does not have',
  'faults/postgres-outages.test.ts': 'Postgres crashes; faults/eventstoredb-outages.test.ts is its counterpart',
  'faults/postgres-hangs.test.ts': 'Postgres is halted; its counterpart is the same',
  'faults/standby-behind.test.ts': 'a failover of PostgreSQL to a standby that is behind',
  'faults/log-went-back-in-a-start.test.ts': 'the same failover while a process starts',
  'faults/process-killed.test.ts': 'an embedded Postgres whose owner is killed while it appends',
  'faults/killed-with-its-database.test.ts': 'likewise in the middle of a turn: log and views are recovered together',
  'faults/kafka-broker.test.ts': 'relays from a log in memory',
  'faults/many-feeds.test.ts': 'what thousands of clients cost a process, and not its log',
};
