import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CannotStartPostgres } from './errors.js';
import { ifThere } from './if-there.js';
import { signalIfAlive } from './signal.js';

/** An orphan got a shutdown signal when its parent died. After this time it gets another one. */
const ownShutdownMs = 5_000;
const fastShutdownMs = 30_000;
const immediateShutdownMs = 15_000;
const pollMs = 20;

type Holder = 'this cluster' | 'something else' | 'no process';

/**
 * Waits until no postmaster of an earlier owner runs on `cluster`, and removes a stale pid file that PostgreSQL would
 * accept: PostgreSQL checks only that the pid exists, and it may be a zombie or another process with the same number. A file
 * with a pid that does not exist is left to PostgreSQL, which also looks for survivors in shared memory.
 */
export async function clearLeftOver(cluster: string, onNotice: (text: string) => void): Promise<void> {
  const pid = await recordedPid(cluster);
  if (pid === undefined) return;
  if ((await holderOf(pid, cluster)) === 'this cluster') {
    await seeOff(pid, cluster, onNotice);
  }
  if ((await recordedPid(cluster)) === pid && (await holderOf(pid, cluster)) === 'something else') {
    await rm(join(cluster, 'postmaster.pid'), { force: true });
  }
}

async function seeOff(pid: number, cluster: string, onNotice: (text: string) => void): Promise<void> {
  if (await gone(pid, cluster, ownShutdownMs)) return;
  onNotice(`An earlier PostgreSQL (pid ${pid}) still runs on ${cluster}: shutting it down.`);
  signalIfAlive(pid, 'SIGINT');
  if (await gone(pid, cluster, fastShutdownMs)) return;
  signalIfAlive(pid, 'SIGQUIT');
  if (await gone(pid, cluster, immediateShutdownMs)) return;
  throw new CannotStartPostgres(`An earlier PostgreSQL (pid ${pid}) runs on ${cluster} and does not stop.`);
}

async function gone(pid: number, cluster: string, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while ((await holderOf(pid, cluster)) === 'this cluster') {
    if (performance.now() > deadline) return false;
    await sleep(pollMs);
  }
  return true;
}

/** Zero for a file that a power cut has emptied. It names no process, and PostgreSQL refuses it. */
async function recordedPid(cluster: string): Promise<number | undefined> {
  const text = await ifThere(readFile(join(cluster, 'postmaster.pid'), 'utf8'));
  // A single-user server writes its pid negated.
  return text === undefined ? undefined : Math.abs(Number.parseInt(text, 10)) || 0;
}

export async function holderOf(pid: number, cluster: string): Promise<Holder> {
  if (pid === 0) return 'something else';
  const found = process.platform === 'linux' ? await processOnLinux(pid) : await processByPs(pid);
  if (!found) return 'no process';
  return !found.zombie && found.command.includes(` -D ${cluster} `) ? 'this cluster' : 'something else';
}

interface FoundProcess {
  readonly zombie: boolean;
  readonly command: string;
}

async function processOnLinux(pid: number): Promise<FoundProcess | undefined> {
  try {
    const state = /^\d+ \(.*\) (\S)/s.exec(await readFile(`/proc/${pid}/stat`, 'utf8'))?.[1];
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    return { zombie: state === 'Z' || state === 'X', command: command.replaceAll('\0', ' ') };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ESRCH: it ended between opening and reading.
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    // Only processes of other users are hidden like this, and the postmaster is not one of them.
    if (code === 'EACCES' || code === 'EPERM') return { zombie: false, command: '' };
    throw error;
  }
}

async function processByPs(pid: number): Promise<FoundProcess | undefined> {
  try {
    const { stdout } = await promisify(execFile)('/bin/ps', ['-ww', '-o', 'stat=,command=', '-p', String(pid)]);
    return { zombie: stdout.startsWith('Z'), command: `${stdout.trim()} ` };
  } catch (error) {
    // ps answers 1 when there is no such process.
    if ((error as { code?: unknown }).code === 1) return undefined;
    throw error;
  }
}
