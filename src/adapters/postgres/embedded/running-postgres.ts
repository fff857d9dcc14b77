import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EmbeddedPostgres } from './embedded-postgres.js';
import { ifThere } from './if-there.js';
import { serverPort } from './settings.js';

/** In the file that PostgreSQL keeps while it runs: where its socket is, and whether it takes connections. */
const SOCKET_LINE = 4;
const STATUS_LINE = 7;

/** Where the data of this directory is kept, when there are any. Nothing is made. */
export async function clusterOf(dataDir: string): Promise<string | undefined> {
  const elsewhere = await ifThere(readFile(join(dataDir, 'postgres.location'), 'utf8'));
  const cluster = join(elsewhere?.trim() ?? dataDir, 'postgres');
  return (await ifThere(readFile(join(cluster, 'PG_VERSION')))) === undefined ? undefined : cluster;
}

/** To the PostgreSQL that another process runs on this cluster. It may be gone, or start again, the next moment. */
export async function runningPostgres(cluster: string): Promise<EmbeddedPostgres['connection'] | undefined> {
  const lines = (await ifThere(readFile(join(cluster, 'postmaster.pid'), 'utf8')))?.split('\n');
  const host = lines?.[SOCKET_LINE]?.trim();
  if (!host || lines?.[STATUS_LINE]?.trim() !== 'ready') return undefined;
  return { host, port: serverPort, user: 'postgres', database: 'postgres', ssl: false };
}
