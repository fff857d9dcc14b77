import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../dist/adapters/postgres/embedded/embedded-postgres.js';
import { migrateAll } from '../../dist/adapters/postgres/migrate.js';

/** An empty, migrated PostgreSQL in a temporary directory. These settings come on top of those that the product gives it. */
export async function startServer(settings = {}) {
  const dataDir = mkdtempSync(join(tmpdir(), 'verbatim-bench-'));
  chmodSync(dataDir, 0o755);
  const postgres = await startEmbeddedPostgres({
    dataDir,
    settings,
    onNotice: (text) => process.stderr.write(`${text}\n`),
  });
  await migrateAll(postgres.connection);
  return {
    connection: postgres.connection,
    /** Of all its processes, by pid: those that have ended are missing. Linux only; empty elsewhere. */
    cpuSeconds: () => cpuOfChildren(postgres.postmasterPid()),
    async query(sql, values) {
      const client = new pg.Client(postgres.connection);
      await client.connect();
      try {
        return await client.query(sql, values);
      } finally {
        await client.end();
      }
    },
    async stop() {
      await postgres.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

const TICKS_PER_SECOND = 100;

function cpuOfChildren(parent) {
  const seconds = new Map();
  if (process.platform !== 'linux') return seconds;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
      if (Number(fields[1]) === parent || Number(pid) === parent) {
        seconds.set(pid, (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND);
      }
    } catch (error) {
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
    }
  }
  return seconds;
}

/** What ran between two looks at the server and at this process. */
export function startMeter(server) {
  const wall = performance.now();
  const own = process.cpuUsage();
  const theirs = server.cpuSeconds();
  return () => {
    const { user, system } = process.cpuUsage(own);
    let postgresSeconds = 0;
    for (const [pid, seconds] of server.cpuSeconds()) postgresSeconds += seconds - (theirs.get(pid) ?? 0);
    return { seconds: (performance.now() - wall) / 1_000, nodeSeconds: (user + system) / 1e6, postgresSeconds };
  };
}
