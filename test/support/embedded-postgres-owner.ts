// A program for tests that kill the owner of a cluster: starts it, says how to reach it, and lives until it is killed
// or, when told so, until it has nothing left to do.
import { startEmbeddedPostgres } from '../../src/adapters/postgres/embedded/embedded-postgres.js';

async function run(): Promise<void> {
  const [dataDir, life] = process.argv.slice(2);
  if (!dataDir) throw new Error('Which directory?');

  const postgres = await startEmbeddedPostgres({ dataDir, onNotice: (text) => process.stderr.write(`${text}\n`) });
  process.stdout.write(
    `${JSON.stringify({ connection: postgres.connection, postmasterPid: postgres.postmasterPid() })}\n`,
  );
  if (life === 'until killed') process.stdin.resume();
}

void run();
