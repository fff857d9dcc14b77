import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { linkSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = join(import.meta.dirname, '..');
const stamp = join(root, 'dist', '.built');
const lock = join(root, 'node_modules', '.verbatim-build');
const inputs = ['src', 'package-lock.json', 'tsconfig.json', 'nest-cli.json'];
const LOOK_AGAIN_MS = 100;
/** What a shell adds to the number of a signal, for an exit code. */
const SIGNALLED = 128;
/** Unlike a pid it is never anybody else's. */
const self = `${process.pid}-${randomUUID()}`;

/** Builds when a source is newer than the build; ends the process when that fails, or when it is told to stop. */
export async function buildIfStale() {
  if (!isStale()) return;
  // Two at a time would delete each other's files.
  while (!take(lock)) await sleep(LOOK_AGAIN_MS);
  process.once('exit', freeLock);
  if (isStale()) await build();
  process.off('exit', freeLock);
  freeLock();
}

function isStale() {
  return changedAt(stamp) < Math.max(...inputs.map((input) => changedAt(join(root, input))));
}

/** Whole or not at all: it is never seen without its holder. */
function take(name) {
  const draft = `${name}.draft-${self}`;
  writeFileSync(draft, self);
  try {
    linkSync(draft, name);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return takeOver(name, draft);
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * A build that was killed leaves its lock behind, for one of those who wait: its successor, which is a lock of its own.
 * Without that, who has seen a dead holder could by now be looking at the lock of a live one.
 */
function takeOver(name, draft) {
  const holder = readIfThere(name);
  if (holder === undefined || isAlive(Number.parseInt(holder, 10))) return false;
  const succession = `${name}.${holder}`;
  if (!take(succession)) return false;
  const isStillThere = readIfThere(name) === holder;
  if (isStillThere) renameSync(draft, name);
  rmSync(succession);
  return isStillThere;
}

function freeLock() {
  rmSync(lock, { force: true });
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

async function build() {
  process.stderr.write('Building...\n');
  const began = new Date();
  rmSync(stamp, { force: true });
  const nest = join(root, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js');
  const status = await run(nest, 'build');
  if (status !== 0) process.exit(status);
  writeFileSync(stamp, '');
  // As old as what was read: a source saved while it was building is newer.
  utimesSync(stamp, began, began);
}

/** Told to stop, it takes the program with it. Answers as a shell does when a signal has ended it. */
async function run(...command) {
  // To our stderr: what it says is not what the command line was asked for.
  const child = spawn(process.execPath, command, { cwd: root, stdio: ['inherit', 2, 2] });
  let told;
  const passOn = (signal) => {
    told = signal;
    child.kill(signal);
  };
  process.on('SIGTERM', passOn).on('SIGINT', passOn);
  const [status, signal] = await once(child, 'exit');
  process.off('SIGTERM', passOn).off('SIGINT', passOn);
  const endedBy = told ?? signal;
  return endedBy ? SIGNALLED + constants.signals[endedBy] : status;
}
