// A program: the PostgreSQL in whose databases the test files of one run work. It lives until its standard input ends.
import { startEmbeddedPostgres } from '../../src/adapters/postgres/embedded/embedded-postgres.js';

/** What protects data from a crash of the machine, which this run of the tests does not survive either. */
const UNPROTECTED = { fsync: 'off', full_page_writes: 'off', wal_compression: 'off' };

async function run(): Promise<void> {
  const [dataDir] = process.argv.slice(2);
  if (!dataDir) throw new Error('Which directory?');

  const postgres = await startEmbeddedPostgres({
    dataDir,
    settings: { ...UNPROTECTED, max_connections: '400' },
    // Tests provoke its errors. A failed start throws.
    onNotice: () => {},
  });
  process.stdout.write(`${JSON.stringify(postgres.connection)}\n`);
  process.stdin.resume().once('end', () => void postgres.stop());
}

void run();
