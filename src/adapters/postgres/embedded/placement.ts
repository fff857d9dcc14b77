import { chmod, mkdtemp, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { canEnter, ourUid, type ServerAccount, unprivilegedAccount } from './account.js';
import { writeWhole } from './durable.js';
import { CannotStartPostgres } from './errors.js';
import { ifThere } from './if-there.js';
import { openSharedPlace } from './shared-place.js';

export interface Placement {
  /** The directory with `postgres`, the cluster: the data directory, unless it is relocated. */
  readonly home: string;
  readonly relocated: boolean;
  readonly account: ServerAccount | undefined;
}

/** Chooses the directory and the user of the cluster. The caller owns `dataDir`. */
export async function placeCluster(dataDir: string, us = ourUid()): Promise<Placement> {
  const location = join(dataDir, 'postgres.location');
  const recorded = (await ifThere(readFile(location, 'utf8')))?.trim();
  if (recorded !== undefined && !(await ifThere(stat(recorded)))) {
    throw new CannotStartPostgres(
      `The data of ${dataDir} was kept in ${recorded}, which is gone. Bring it back, or delete ${location} to begin anew without it.`,
    );
  }
  const home = recorded ?? dataDir;
  const relocated = recorded !== undefined;
  if (us !== 0) {
    await refuseAnothers(home, us);
    return { home, relocated, account: undefined };
  }

  // A cluster of an ordinary user keeps running as that user, who otherwise could not start it later.
  const cluster = await ifThere(stat(join(home, 'postgres')));
  const account = cluster && cluster.uid !== 0 ? { uid: cluster.uid, gid: cluster.gid } : await unprivilegedAccount();
  if (await canEnter(account, home)) return { home, relocated, account };
  // Existing data is never relocated, because it would look lost.
  if (relocated || cluster) {
    throw new CannotStartPostgres(
      `The data in ${home} belongs to uid ${account.uid}, under which PostgreSQL runs, and a directory above it is closed to that user.`,
    );
  }
  return { home: await relocate(location, account), relocated: true, account };
}

/** PostgreSQL runs only as the owner of its files. A cluster that root creates belongs to the user that it runs as. */
export async function refuseAnothers(home: string, us = ourUid()): Promise<void> {
  const cluster = await ifThere(stat(join(home, 'postgres')));
  if (!cluster || us === undefined || cluster.uid === us) return;
  throw new CannotStartPostgres(
    `The data in ${home} belongs to uid ${cluster.uid}, and this is uid ${us}: start as root or as that user, ` +
      `give it to this one (chown -R ${us} ${home}), or choose another data directory.`,
  );
}

/** A random name, not derived from the path: a deleted and recreated directory must not find old data. */
async function relocate(location: string, account: ServerAccount): Promise<string> {
  const home = await mkdtemp(`${await openSharedPlace(account)}/`);
  await chmod(home, 0o755);
  // The place exists before it is recorded, so a recorded place that is missing always means lost data.
  await writeWhole(location, `${home}\n`);
  return home;
}
