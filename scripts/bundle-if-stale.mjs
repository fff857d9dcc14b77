import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
export const bundler = join(import.meta.dirname, 'bundle.mjs');
/** npm writes the last one whenever it installs packages. */
const inputs = ['src', 'scripts/bundle.mjs', 'tsconfig.json', 'node_modules/.package-lock.json'];
/** A shell adds it to the number of the signal that ended a process. */
const SIGNALLED = 128;

/** Ends this process if the bundle cannot be made, or if a signal comes meanwhile. */
export async function bundleIfStale() {
  if (sourcesChangedAt() <= bundledAt()) return;
  process.stderr.write('Building...\n');
  // In a process of its own, because the bundler keeps 700 MB of memory. Its output goes to stderr: stdout is the program's.
  const child = spawn(process.execPath, [bundler], { stdio: ['inherit', 2, 2] });
  let stoppedBy;
  const stop = (signal) => {
    stoppedBy = signal;
    child.kill(signal);
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
  const [status, endedBy] = await once(child, 'exit');
  process.off('SIGTERM', stop).off('SIGINT', stop);
  const signal = stoppedBy ?? endedBy;
  if (signal) process.exit(SIGNALLED + constants.signals[signal]);
  if (status !== 0) process.exit(status);
}

export function sourcesChangedAt() {
  return Math.max(...inputs.map((input) => changedAt(join(root, input))));
}

export function bundledAt() {
  return changedAt(join(root, 'bundle', 'main.js'));
}

function changedAt(path) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return found?.mtimeMs ?? 0;
  // The time of a directory itself changes when a file in it is deleted or renamed.
  return Math.max(found.mtimeMs, ...readdirSync(path).map((name) => changedAt(join(path, name))));
}
