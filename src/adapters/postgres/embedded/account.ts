import { spawn } from 'node:child_process';
import { chown, readFile } from 'node:fs/promises';
import { CannotStartPostgres } from './errors.js';

/** The user that PostgreSQL runs as. `undefined`: the user of this process. */
export interface ServerAccount {
  readonly uid: number;
  readonly gid: number;
}

export interface Outcome {
  /** Null if a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The locale, time zone and PG* variables of this process must not change how a cluster is created or run. */
export const serverEnvironment = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C', TZ: 'UTC' };

/** Zero is root. Windows has no user ids. */
export function ourUid(): number | undefined {
  return process.getuid?.();
}

/** PostgreSQL refuses root, and initdb looks its user up by name: every system has the user `nobody`. */
export async function unprivilegedAccount(): Promise<ServerAccount> {
  const entry = /^nobody:[^:]*:(-?\d+):(-?\d+):/m.exec(await readFile('/etc/passwd', 'utf8'));
  if (!entry) {
    throw new CannotStartPostgres(
      'PostgreSQL refuses to run as root, and there is no user "nobody" to run it as: start as an ordinary user.',
    );
  }
  return { uid: Number(entry[1]), gid: Number(entry[2]) };
}

export async function giveTo(account: ServerAccount | undefined, path: string): Promise<void> {
  if (account) await chown(path, account.uid, account.gid);
}

/** Rejects only when the program could not be started at all. */
export function runAs(account: ServerAccount | undefined, program: string, args: readonly string[]): Promise<Outcome> {
  const started = new Promise<Outcome>((resolve, reject) => {
    // In its own process group, so that Ctrl-C does not end a program for which the start waits.
    const child = spawn(program, args, {
      ...account,
      env: serverEnvironment,
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.once('error', reject);
    const said = { stdout: '', stderr: '' };
    child.stdout?.setEncoding('utf8').on('data', (chunk) => {
      said.stdout += chunk;
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk) => {
      said.stderr += chunk;
    });
    child.once('close', (status) => resolve({ status, ...said }));
  });
  return started.catch((cause: Error) => {
    const user = account ? `uid ${account.uid}` : 'this user';
    throw new CannotStartPostgres(`Cannot run ${program} as ${user}: ${cause.message}`, { cause });
  });
}

/** Checked by a process of that user, because mode bits do not cover ACLs and network file systems. */
export async function canEnter(account: ServerAccount | undefined, directory: string): Promise<boolean> {
  const { status } = await runAs(account, '/bin/sh', ['-c', 'cd "$1"', 'sh', directory]);
  return status === 0;
}
