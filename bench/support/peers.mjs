import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const directory = join(import.meta.dirname, '..', 'peers');

/** A peer, which is installed on first use; or the reason why there is none. */
export async function loadPeer(name) {
  if (!existsSync(join(directory, 'node_modules'))) {
    const { status, stderr } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: directory,
      encoding: 'utf8',
    });
    if (status !== 0) return { reason: `npm ci in bench/peers failed: ${stderr.trim().split('\n').at(-1)}` };
  }
  return { module: await import(join(directory, `${name}.mjs`)) };
}
