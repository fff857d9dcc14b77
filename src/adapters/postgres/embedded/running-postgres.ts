import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EmbeddedPostgres } from './embedded-postgres.js';
import { ifThere } from './if-there.js';
import { serverPort } from './settings.js';

/** Line numbers in postmaster.pid: the socket directory, and whether it accepts connections. */
const SOCKET_LINE = 4;
const STATUS_LINE = 7;

/** The cluster of this directory, if it exists. Creates nothing. */
export async function clusterOf(dataDir: string): Promise<string | undefined> {
  const elsewhere = await ifThere(readFile(join(dataDir, 'postgres.location'), 'utf8'));
  const cluster = join(elsewhere?.trim() ?? dataDir, 'postgres');
  return (await ifThere(readFile(join(cluster, 'PG_VERSION')))) === undefined ? undefined : cluster;
}

/** The connection to the PostgreSQL that another process runs on this cluster. It may stop or restart at any time. */
export async function runningPostgres(cluster: string): Promise<EmbeddedPostgres['connection'] | undefined> {
  const lines = (await ifThere(readFile(join(cluster, 'postmaster.pid'), 'utf8')))?.split('\n');
  const host = lines?.[SOCKET_LINE]?.trim();
  if (!host || lines?.[STATUS_LINE]?.trim() !== 'ready') return undefined;
  return { host, port: serverPort, user: 'postgres', database: 'postgres', ssl: false };
}
