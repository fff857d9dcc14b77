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
 * The owner of a directory is the live process that listens on the highest-numbered `owner.<n>.sock` in it. The operating
 * system closes the socket when the process dies, so there is no lock to clean up.
 *
 * Numbers and not one name: a process that removes or renames a stale socket may hit a socket that another process has
 * created under that name since its check. Here no process touches the highest name. A socket listens before it gets its
 * number (by link, which refuses an existing name), only the owner of a higher number removes lower ones, and a process
 * checks again that its number is the highest. So two processes can never both be owners.
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
  // The name stays, and the next owner takes a higher number.
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
  // A process that was suspended after its check may get a number that others have used before.
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
    // The listener stays: a failed accept must not end the owner.
    server.on('error', reject);
    // Every user may connect, so that a socket that another user left behind does not look alive.
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
      // EAGAIN: a process listens and is too busy to accept. ENOENT: a higher number has replaced this one.
      if (error.code === 'EAGAIN') resolve(true);
      // The owner released it while this process waited for an answer.
      else if (error.code === 'ECONNRESET') resolve(answers(path));
      else if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      else reject(error);
    });
  });
}
