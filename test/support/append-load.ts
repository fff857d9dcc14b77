// A program for the kill test: a whole log in the directory it is given, under load, until it is killed. It prints
// what has been acknowledged, one line each, after it was: `<stream> <id> <id> ...`.
import { startEmbeddedPostgres } from '../../src/adapters/postgres/embedded/embedded-postgres.js';
import { migrate } from '../../src/adapters/postgres/migrate.js';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { JournalWriters } from './journal-writers.js';

async function run(): Promise<void> {
  const [dataDir] = process.argv.slice(2);
  if (!dataDir) throw new Error('Which directory?');

  const postgres = await startEmbeddedPostgres({ dataDir, onNotice: (text) => process.stderr.write(`${text}\n`) });
  await migrate(postgres.connection);
  const log = new PostgresEventLog(postgres.connection);
  new JournalWriters(log, 32, (stream, ids) => process.stdout.write(`${stream} ${ids.join(' ')}\n`));
}

void run();
