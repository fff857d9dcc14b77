import { spawn } from 'node:child_process';
import { once } from 'node:events';

const START_MS = 60_000;
const STOP_MS = 20_000;
const KEPT_CHARACTERS = 4_000;

/** A Node process that says `address  http://...` when it serves; it sees no environment but what is said here. */
export async function startChild(args, environment = {}) {
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env.PATH ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  // Behind `stop`, for a benchmark that ends before it could call that.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  closed.then(() => process.off('exit', kill));
  try {
    return { pid: child.pid, address: await addressOf(child), stop: () => stop(child, closed) };
  } catch (error) {
    await stop(child, closed);
    throw error;
  }
}

function addressOf(child) {
  return new Promise((resolve, reject) => {
    let said = '';
    const fail = () => reject(new Error(`${child.spawnargs.slice(1).join(' ')} did not start:\n${said}`));
    const hear = (text) => {
      said = (said + text).slice(-KEPT_CHARACTERS);
      const address = /address +(\S+)\s/.exec(said)?.[1];
      if (address) resolve(address);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.once('close', fail);
    setTimeout(fail, START_MS).unref();
  });
}

async function stop(child, closed) {
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await closed;
  clearTimeout(late);
}
