// A program, run once for all tests: makes a migrated cluster in the directory that it is given, and leaves it stopped.
import { startEmbeddedPostgres } from '../../src/adapters/postgres/embedded/embedded-postgres.js';
import { migrateAll } from '../../src/adapters/postgres/migrate.js';

async function run(): Promise<void> {
  const [dataDir] = process.argv.slice(2);
  if (!dataDir) throw new Error('Which directory?');

  const postgres = await startEmbeddedPostgres({ dataDir, onNotice: (text) => process.stderr.write(`${text}\n`) });
  try {
    await migrateAll(postgres.connection);
  } finally {
    await postgres.stop();
  }
}

void run();
