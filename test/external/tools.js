import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..', '..');
const START_MS_MAX = 120_000;

/** The directory of the programs that these requirements install, or why they could not be installed. */
export function installed(folder, requirements) {
  const environment = join(folder, 'python');
  const made = spawnSync('python3', ['-m', 'venv', environment], { encoding: 'utf8' });
  if (made.error || made.status !== 0) return { missing: 'Python 3 with venv is not here' };
  const file = join(import.meta.dirname, requirements);
  const pip = spawnSync(join(environment, 'bin', 'pip'), ['install', '--quiet', '-r', file], { encoding: 'utf8' });
  if (pip.status !== 0) return { missing: `pip could not install it: ${pip.stderr.trim().split('\n').at(-1)}` };
  return { programs: join(environment, 'bin') };
}

/** The product on a new data directory. `address` resolves once it has printed it. */
export function startProduct(folder, key) {
  const environment = {
    PATH: process.env.PATH,
    PORT: '0',
    VERBATIM_DATA_DIR: join(folder, 'data'),
    VERBATIM_ADMIN_KEY: key,
    LOG_LEVEL: 'fatal',
  };
  const product = spawn(process.execPath, [join(root, 'scripts', 'start.mjs')], {
    cwd: root,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return { environment, address: addressOf(product), stop: () => stop(product) };
}

async function addressOf(product) {
  const giveUp = setTimeout(() => product.kill('SIGKILL'), START_MS_MAX);
  let printed = '';
  try {
    for await (const piece of product.stdout) {
      printed += piece;
      const [, address] = /address\s+(http:\S+)/.exec(printed) ?? [];
      if (address !== undefined) return address;
    }
  } finally {
    clearTimeout(giveUp);
  }
  throw new Error(`the product did not start: ${printed}`);
}

async function stop(product) {
  if (product.exitCode !== null) return;
  product.kill('SIGTERM');
  await once(product, 'exit');
}
