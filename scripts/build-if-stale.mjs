import { spawnSync } from 'node:child_process';
import { linkSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const stamp = join(root, 'dist', '.built');
const lock = join(root, 'node_modules', '.verbatim-build');
const inputs = ['src', 'package-lock.json', 'tsconfig.json', 'nest-cli.json'];
const LOOK_AGAIN_MS = 100;

/** Builds when a source is newer than the build; ends the process when that fails. */
export function buildIfStale() {
  if (!isStale()) return;
  // Two at a time would delete each other's files.
  while (!takeLock()) waitForOther();
  process.once('exit', freeLock);
  if (isStale()) build();
  process.off('exit', freeLock);
  freeLock();
}

function isStale() {
  return changedAt(stamp) < Math.max(...inputs.map((input) => changedAt(join(root, input))));
}

/** Whole or not at all: it is never seen without its holder. */
function takeLock() {
  const draft = `${lock}.${process.pid}`;
  writeFileSync(draft, `${process.pid}`);
  try {
    linkSync(draft, lock);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft);
  }
}

function freeLock() {
  rmSync(lock, { force: true });
}

/** A build that was killed leaves its lock behind. */
function waitForOther() {
  const holder = readIfThere(lock);
  if (holder !== undefined && !isAlive(Number(holder))) freeLock();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_AGAIN_MS);
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function changedAt(path) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return found?.mtimeMs ?? 0;
  // A directory's own time changes when a file in it is deleted or renamed.
  return Math.max(found.mtimeMs, ...readdirSync(path).map((name) => changedAt(join(path, name))));
}

function build() {
  const began = new Date();
  rmSync(stamp, { force: true });
  const nest = join(root, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js');
  const { status } = spawnSync(process.execPath, [nest, 'build'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
  writeFileSync(stamp, '');
  // As old as what was read: a source saved while it was building is newer.
  utimesSync(stamp, began, began);
}
