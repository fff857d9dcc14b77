import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { copyFolder } from '../adapters/data-directory/copied-files.js';
import { flushFolder, replaceFlushed } from '../adapters/data-directory/flushed-files.js';
import type { Notice } from '../adapters/postgres/apply-migration.js';
import { backUpCluster, restoreCluster } from '../adapters/postgres/embedded/base-backup.js';
import type { BackedUp, RestoredFiles } from '../cli/command-parts.js';
import { CommandFailed } from '../cli/failures.js';
import type { Whereabouts } from '../config.js';
import { logRestored, reachEmbedded } from './cli-database.js';

/** Secrets. They are apart from the data that they protect, so that each can be kept at a place of its own. */
const KEYS = ['admin.key', 'record.key', 'master'];

/** The cluster is copied by PostgreSQL's rules, and the rest is of the processes that own a directory. */
const isOfOwner = (name: string): boolean => /^(postgres($|\.)|owner\.)/.test(name);

const DESCRIPTION = 'backup.json';
const FORMAT = 1;

interface Description {
  readonly format: number;
  /** The names in the folder of the keys. Keys of the environment are not among them. */
  readonly keys: readonly string[];
}

/** Copies a data directory, also while a server runs on it. The copy gets its name when it is whole and flushed. */
export async function backUp(whereabouts: Whereabouts, directory: string, onNotice: Notice): Promise<BackedUp> {
  requireEmbedded(whereabouts);
  const { dataDir } = whereabouts;
  const to = resolve(directory);
  if (to === dataDir || to.startsWith(dataDir + sep)) throw new CommandFailed(`${to} is in the data directory itself`);
  await requireFree(to);
  const { connection, cluster, close } = await reachEmbedded(whereabouts, onNotice);
  try {
    await mkdir(dirname(to), { recursive: true });
    const draft = await mkdtemp(`${to}.part-`);
    return await ifWhole(draft, async () => {
      // Notes first: the record in the database must not be older than the last note beside it.
      await copyFolder(dataDir, join(draft, 'data'), (name) => !isOfOwner(name) && !KEYS.includes(name));
      // Before and after: if the master key is rotated meanwhile, the copied rows may need the earlier or the later one.
      await copyKeys(dataDir, draft);
      const copied = await backUpCluster(connection, cluster, join(draft, 'data', 'postgres'));
      await copyKeys(dataDir, draft);
      const description: Description = { format: FORMAT, keys: await readdir(join(draft, 'keys')) };
      await replaceFlushed(join(draft, DESCRIPTION), `${JSON.stringify(description)}\n`);
      await named(draft, to);
      return { directory: to, ...copied };
    });
  } finally {
    await close();
  }
}

/**
 * Makes a data directory from a backup. It is a new incarnation of the log, because the log may lack events that others have
 * seen. It gets its name last: after a crash there is none, or one that is complete.
 */
export async function restore(
  whereabouts: Whereabouts,
  from: { readonly directory: string; readonly keys: string | undefined },
  onNotice: Notice,
): Promise<RestoredFiles> {
  requireEmbedded(whereabouts);
  const { dataDir } = whereabouts;
  const directory = resolve(from.directory);
  const keys = from.keys === undefined ? join(directory, 'keys') : resolve(from.keys);
  await requireKeys(keys, await descriptionIn(directory));
  await requireFree(dataDir);
  await mkdir(dirname(dataDir), { recursive: true });
  const draft = await mkdtemp(`${dataDir}.part-`);
  return ifWhole(draft, async () => {
    // PostgreSQL may run as another user, who must be able to enter.
    await chmod(draft, 0o755);
    await copyFolder(join(directory, 'data'), draft, (name) => !isOfOwner(name));
    if (await namesIn(keys)) await copyFolder(keys, draft, (name) => KEYS.includes(name));
    await restoreCluster(join(directory, 'data', 'postgres'), draft);
    const { incarnation } = await logRestored({ ...whereabouts, dataDir: draft }, onNotice);
    await named(draft, dataDir);
    return { dataDir, incarnation };
  });
}

function requireEmbedded({ databaseUrl, eventLogUrl }: Whereabouts): void {
  const setting = databaseUrl !== undefined ? 'DATABASE_URL' : eventLogUrl !== undefined ? 'EVENT_LOG_URL' : undefined;
  if (setting === undefined) return;
  throw new CommandFailed(
    `${setting} names a server, which has backup tools of its own: see docs/operations.md, "Backup and restore"`,
  );
}

async function requireFree(directory: string): Promise<void> {
  if (((await namesIn(directory)) ?? []).length > 0) throw new CommandFailed(`${directory} is not empty`);
}

async function descriptionIn(directory: string): Promise<Description> {
  const text = await unlessAbsent(readFile(join(directory, DESCRIPTION), 'utf8'));
  if (text === undefined) throw new CommandFailed(`${directory} is no backup: it has no ${DESCRIPTION}`);
  const description: Description = JSON.parse(text);
  if (description.format === FORMAT) return description;
  throw new CommandFailed(`${directory} has format ${description.format}, and this version knows ${FORMAT}`);
}

/** Without the key of the record a start would make another one, and no verifier would accept its notes. */
async function requireKeys(folder: string, { keys }: Description): Promise<void> {
  const there = (await namesIn(folder)) ?? [];
  const absent = keys.filter((name) => !there.includes(name));
  if (absent.length === 0) return;
  throw new CommandFailed(
    `${folder} lacks ${absent.join(', ')} of this backup: name the folder of its keys with --keys`,
  );
}

const namesIn = (directory: string): Promise<string[] | undefined> => unlessAbsent(readdir(directory));

async function unlessAbsent<T>(look: Promise<T>): Promise<T | undefined> {
  try {
    return await look;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

const copyKeys = (dataDir: string, draft: string): Promise<void> =>
  copyFolder(dataDir, join(draft, 'keys'), (name) => KEYS.includes(name));

/** Removes what is there of a copy that failed. */
async function ifWhole<T>(draft: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

async function named(draft: string, name: string): Promise<void> {
  // It is free, or an empty directory.
  await rmdir(name).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(draft, name);
  await flushFolder(dirname(name));
}
