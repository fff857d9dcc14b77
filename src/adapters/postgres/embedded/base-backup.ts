import { chmod, copyFile, lstat, mkdir, mkdtemp, readdir, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import pg from 'pg';
import { giveTo, type ServerAccount } from './account.js';
import { flush } from './durable.js';
import { CannotStartPostgres } from './errors.js';
import { ifThere } from './if-there.js';
import { takeOwnership } from './ownership.js';
import { placeCluster } from './placement.js';

/** Of these directories PostgreSQL needs the names alone: their files belong to a running server. */
const EMPTY = new Set([
  'pg_dynshmem',
  'pg_notify',
  'pg_replslot',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
  'pg_wal',
]);

const isOfRunningServer = (name: string): boolean =>
  name === 'postmaster.pid' ||
  name === 'postmaster.opts' ||
  name === 'backup_label' ||
  name === 'tablespace_map' ||
  name.startsWith('pgsql_tmp') ||
  name.startsWith('pg_internal.init');

interface Copied {
  files: number;
  bytes: number;
}

/**
 * Copies a cluster while its server works. The copy of each file may be torn: PostgreSQL repairs it from the write-ahead log of the
 * copying time, which is copied last. Its session must stay open until then.
 */
export async function backUpCluster(connection: pg.ClientConfig, cluster: string, to: string): Promise<Copied> {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    // The server removes old segments at each checkpoint, and a temporary slot keeps those since now.
    await client.query(
      "SELECT pg_create_physical_replication_slot('verbatim_backup_' || pg_backend_pid(), true, true)",
    );
    const begun = await client.query<{ file: string }>(
      "SELECT pg_walfile_name(pg_backup_start('verbatim', fast => true)) AS file",
    );
    const copied: Copied = { files: 0, bytes: 0 };
    await copyFiles(cluster, to, undefined, copied);
    const ended = await client.query<{ file: string; labelfile: string }>(
      'SELECT pg_walfile_name(lsn) AS file, labelfile FROM pg_backup_stop(wait_for_archive => false)',
    );
    const [first, last] = [begun.rows[0]?.file ?? '', ended.rows[0]?.file ?? ''];
    await copyWal(join(cluster, 'pg_wal'), join(to, 'pg_wal'), { first, last }, copied);
    await writeFile(join(to, 'backup_label'), ended.rows[0]?.labelfile ?? '', { mode: 0o600, flush: true });
    await flush(to);
    return copied;
  } finally {
    await client.end();
  }
}

/**
 * Puts a copied cluster into a data directory that has none. It gets its name when it is whole, and runs as the same user as a
 * cluster that a start makes there.
 */
export async function restoreCluster(from: string, dataDir: string): Promise<void> {
  const ownership = await takeOwnership(dataDir);
  try {
    const { home, account } = await placeCluster(dataDir);
    const cluster = join(home, 'postgres');
    if (await ifThere(lstat(cluster))) throw new CannotStartPostgres(`${cluster} is there already`);
    const draft = await mkdtemp(join(home, 'postgres.draft-'));
    await giveTo(account, draft);
    await copyFiles(from, draft, account, { files: 0, bytes: 0 });
    await copyAll(join(from, 'pg_wal'), join(draft, 'pg_wal'), account);
    await copyFlushed(join(from, 'backup_label'), join(draft, 'backup_label'), account);
    await flush(draft);
    await rename(draft, cluster);
    await flush(home);
  } finally {
    await ownership.release();
  }
}

async function copyFiles(from: string, to: string, account: ServerAccount | undefined, copied: Copied): Promise<void> {
  await mkdir(to, { recursive: true });
  await chmod(to, 0o700);
  await giveTo(account, to);
  // A table that was dropped since the directory was read.
  const entries = (await ifThere(readdir(from, { withFileTypes: true }))) ?? [];
  for (const entry of entries) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (isOfRunningServer(entry.name)) continue;
    if (entry.isDirectory() && EMPTY.has(entry.name)) await copyNoFiles(target, account);
    else if (entry.isDirectory()) await copyFiles(source, target, account, copied);
    else if (entry.isFile()) {
      const bytes = await ifThere(copyFlushed(source, target, account));
      if (bytes === undefined) continue;
      copied.files += 1;
      copied.bytes += bytes;
    } else throw new Error(`${source} leads out of the cluster, and would not be in its copy`);
  }
  await flush(to);
}

async function copyNoFiles(to: string, account: ServerAccount | undefined): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  await giveTo(account, to);
}

/** The segments from the begin of the copying to its end, and the histories of timelines. */
async function copyWal(
  from: string,
  to: string,
  { first, last }: { readonly first: string; readonly last: string },
  copied: Copied,
): Promise<void> {
  const isNeeded = (name: string) =>
    name.endsWith('.history') || (/^[0-9A-F]{24}$/.test(name) && name >= first && name <= last);
  const names = (await readdir(from)).filter(isNeeded);
  for (const needed of [first, last]) {
    if (!names.includes(needed)) throw new Error(`the segment ${needed} of the write-ahead log is gone: try again`);
  }
  for (const name of names) {
    copied.bytes += await copyFlushed(join(from, name), join(to, name), undefined);
    copied.files += 1;
  }
  await flush(to);
}

async function copyAll(from: string, to: string, account: ServerAccount | undefined): Promise<void> {
  for (const name of await readdir(from)) await copyFlushed(join(from, name), join(to, basename(name)), account);
  await flush(to);
}

async function copyFlushed(from: string, to: string, account: ServerAccount | undefined): Promise<number> {
  await copyFile(from, to);
  await giveTo(account, to);
  await flush(to);
  return (await lstat(to)).size;
}
