// A program for tests that kill a migration: runs the files of a directory on a database.
import { migrate } from '../../src/adapters/postgres/migrate.js';

async function run(): Promise<void> {
  const [connection, sqlDirectory] = process.argv.slice(2);
  if (!connection || !sqlDirectory) throw new Error('Which database and which directory?');

  await migrate(JSON.parse(connection), { sqlDirectory, onNotice: (text) => process.stderr.write(`${text}\n`) });
}

void run();
