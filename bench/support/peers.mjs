import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';

const directory = join(import.meta.dirname, '..', 'peers');

/** A peer that is a library, or the reason why there is none. */
export async function loadPeer(name) {
  const reason = installPeers();
  return reason ? { reason } : { module: await import(peerFile(name)) };
}

export const peerFile = (name) => join(directory, `${name}.mjs`);

/** Installs all peers on first use and after their lock has changed. Answers the reason when that fails. */
export function installPeers() {
  if (changedAt('node_modules/.package-lock.json') >= changedAt('package-lock.json')) return undefined;
  const { status, stderr } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: directory,
    encoding: 'utf8',
  });
  return status === 0 ? undefined : `npm ci in bench/peers failed: ${stderr.trim().split('\n').at(-1)}`;
}

const changedAt = (file) => statSync(join(directory, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
