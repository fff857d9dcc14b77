import { mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { giveTo, runAs } from './account.js';
import type { Binaries } from './binaries.js';
import { flush } from './durable.js';
import { CannotStartPostgres } from './errors.js';
import { ifThere } from './if-there.js';
import type { Placement } from './placement.js';

const draftPrefix = 'postgres.draft-';

/** Ensures a complete cluster of the installed major version in `<home>/postgres`. The caller owns `home`. */
export async function provideCluster(binaries: Binaries, { home, account }: Placement): Promise<string> {
  await removeDrafts(home);
  const cluster = join(home, 'postgres');
  const version = (await ifThere(readFile(join(cluster, 'PG_VERSION'), 'utf8')))?.trim();
  if (version === undefined) {
    if ((await ifThere(readdir(cluster)))?.length) {
      throw new CannotStartPostgres(`${cluster} holds no cluster, but it is not empty: choose another data directory.`);
    }
    // PostgreSQL refuses what an interrupted initdb leaves, so the directory gets its name after initdb is done.
    const draft = await mkdtemp(join(home, draftPrefix));
    await giveTo(account, draft);
    await initialise(binaries.initdb, account, draft);
    await rename(draft, cluster);
    await flush(home);
  } else if (version !== binaries.major) {
    throw new CannotStartPostgres(
      `${cluster} was made by PostgreSQL ${version}, and this is PostgreSQL ${binaries.major}: ` +
        'dump it with the version that made it and restore it into a new data directory.',
    );
  }
  return cluster;
}

async function initialise(initdb: string, account: Placement['account'], directory: string): Promise<void> {
  const { status, stderr } = await runAs(account, initdb, [
    `--pgdata=${directory}`,
    '--username=postgres',
    // The mode of the socket's directory decides who can connect.
    '--auth=trust',
    '--encoding=UTF8',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--no-instructions',
  ]);
  if (status !== 0) {
    await rm(directory, { recursive: true, force: true });
    throw new CannotStartPostgres(`initdb could not make a cluster in ${directory}:\n${stderr.trim()}`);
  }
}

/** Removes drafts of killed starts. A start that still writes into its draft repeats it. */
async function removeDrafts(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    if (name.startsWith(draftPrefix)) {
      await rm(join(home, name), { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    }
  }
}
