import { randomBytes } from 'node:crypto';
import { link, readdir, rm, rmdir, symlink, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { CannotStartPostgres, DataDirectoryInUse } from './errors.js';
import { makeShortDirectory } from './short-path.js';

export interface Ownership {
  release(): Promise<void>;
}

/**
 * The owner of a directory is the live process that listens on the highest-numbered `owner.<n>.sock` in it. The
 * system ends the listening when the process dies, however it dies, so there is no lock to clean up.
 *
 * Why numbers, and not one name that is taken over: whoever removes or renames a stale socket acts on a name that
 * may have become somebody's live one since it looked. Here nobody ever touches the highest name. A socket listens
 * before it gets its number (by link, which refuses a name that is taken), lower numbers are removed only by the
 * owner of a higher one, and who got a number looks again whether it is the highest. So two can never both own.
 */
export async function takeOwnership(directory: string): Promise<Ownership> {
  const short = await makeShortDirectory();
  const alias = join(short, 'd');
  try {
    // The path of a data directory can be longer than the path of a socket may be.
    await symlink(directory, alias);
    return await takeThrough(alias, directory);
  } finally {
    await unlink(alias);
    await rmdir(short);
  }
}

async function takeThrough(alias: string, directory: string): Promise<Ownership> {
  let newest = await newestOwner(alias);
  await refuseIfAlive(alias, newest, directory);

  const claim = join(alias, `owner.${randomBytes(4).toString('hex')}.claim`);
  const server = await listen(claim);
  try {
    while (!(await becomeNext(alias, claim, newest))) {
      newest = await newestOwner(alias);
      await refuseIfAlive(alias, newest, directory);
    }
    if (!(await answers(nameOf(alias, newest + 1)))) {
      throw new CannotStartPostgres(`The file system of ${directory} does not carry unix sockets.`);
    }
    await removeOlder(alias, newest + 1);
  } catch (error) {
    await close(server);
    throw error;
  } finally {
    await rm(claim, { force: true });
  }
  // The name stays behind: the next owner counts on from it.
  return { release: () => close(server) };
}

/** True when `claim` now is the highest-numbered socket. */
async function becomeNext(alias: string, claim: string, newest: number): Promise<boolean> {
  const name = nameOf(alias, newest + 1);
  try {
    await link(claim, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  // Whoever slept since it looked may get a number that others have used and left behind.
  if ((await newestOwner(alias)) === newest + 1) return true;
  await rm(name, { force: true });
  return false;
}

async function refuseIfAlive(alias: string, number: number, directory: string): Promise<void> {
  try {
    if (number > 0 && (await answers(nameOf(alias, number)))) throw new DataDirectoryInUse(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') throw new DataDirectoryInUse(directory, 'another user');
    throw error;
  }
}

async function removeOlder(alias: string, number: number): Promise<void> {
  for (const older of await ownerNumbers(alias)) {
    if (older < number) await rm(nameOf(alias, older), { force: true });
  }
}

async function newestOwner(alias: string): Promise<number> {
  return Math.max(0, ...(await ownerNumbers(alias)));
}

async function ownerNumbers(alias: string): Promise<number[]> {
  const numbers = (await readdir(alias)).map((name) => Number(/^owner\.(\d+)\.sock$/.exec(name)?.[1]));
  return numbers.filter((number) => Number.isSafeInteger(number));
}

function nameOf(alias: string, number: number): string {
  return join(alias, `owner.${number}.sock`);
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((asker) => asker.destroy());
    // Stays on: a connection that cannot be accepted later is the asker's trouble, not a reason for the owner to die.
    server.on('error', reject);
    // Every user who can see the socket may ask it, so that what another user left behind is not taken for alive.
    server.listen({ path, readableAll: true, writableAll: true }, () => resolve(server));
    server.unref();
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.ref();
    server.close((error) => (error ? reject(error) : resolve()));
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // EAGAIN: somebody listens, and is too busy to answer. ENOENT: a higher number has replaced this one.
      if (error.code === 'EAGAIN') resolve(true);
      // Its owner let go while we waited to be answered.
      else if (error.code === 'ECONNRESET') resolve(answers(path));
      else if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      else reject(error);
    });
  });
}
