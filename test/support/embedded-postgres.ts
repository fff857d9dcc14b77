import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { access, readdir, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/adapters/postgres/embedded/embedded-postgres.js';
import { ifThere } from '../../src/adapters/postgres/embedded/if-there.js';
import { holderOf } from '../../src/adapters/postgres/embedded/left-over.js';
import { withClient } from './postgres-cluster.js';
import { programOf } from './programs.js';

/** Runs a program that owns the cluster in `dataDir`; its command line, for tests that spawn it themselves. */
export function ownerCommand(dataDir: string, life: 'until killed' | 'while busy'): string[] {
  return [programOf('embedded-postgres-owner'), dataDir, life];
}

export async function withPostgres<T>(
  dataDir: string,
  work: (postgres: EmbeddedPostgres, notices: string[]) => Promise<T>,
): Promise<T> {
  const notices: string[] = [];
  const postgres = await startEmbeddedPostgres({ dataDir, onNotice: (text) => notices.push(text) });
  try {
    return await work(postgres, notices);
  } finally {
    await postgres.stop();
  }
}

export interface Owner {
  readonly program: ChildProcess;
  readonly connection: EmbeddedPostgres['connection'];
  readonly postmasterPid: number;
}

/** Runs `work` while another process owns the cluster. */
export async function withOwner<T>(
  dataDir: string,
  life: 'until killed' | 'while busy',
  work: (owner: Owner) => Promise<T>,
): Promise<T> {
  const program = spawn(process.execPath, ownerCommand(dataDir, life), { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const [line] = (await once(createInterface(program.stdout), 'line')) as [string];
    return await work({ program, ...JSON.parse(line) });
  } finally {
    program.kill('SIGKILL');
  }
}

export async function killedAndGone({ program }: Owner): Promise<void> {
  const exit = once(program, 'exit');
  program.kill('SIGKILL');
  await exit;
}

export async function remember(connection: EmbeddedPostgres['connection'], text: string): Promise<void> {
  await withClient(connection, async (client) => {
    await client.query('create table if not exists memory (text text)');
    await client.query('insert into memory values ($1)', [text]);
  });
}

export async function recall(connection: EmbeddedPostgres['connection']): Promise<string[]> {
  return withClient(connection, async (client) => {
    const { rows } = await client.query<{ text: string }>('select text from memory');
    return rows.map(({ text }) => text);
  });
}

export async function exists(path: string): Promise<boolean> {
  return (await ifThere(access(path).then(() => true))) ?? false;
}

/** No postmaster, and none of its guardians: they all carry the directory in their command line. */
export async function nothingRunsOn(cluster: string): Promise<boolean> {
  const holders = await Promise.all((await allPids()).map((pid) => holderOf(pid, cluster)));
  return !holders.includes('this cluster');
}

async function allPids(): Promise<number[]> {
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
}

export async function parentOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch((error: NodeJS.ErrnoException) => {
    // It ended since it was listed.
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return '';
    throw error;
  });
  return Number(/\) \S (\d+)/.exec(stat)?.[1]);
}

/** In one turn of the event loop, so that nothing that is about to end has the time for it. Zombies have ended. */
export function groupNow(group: number): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const [, command, state, ofGroup] = /\((.*)\) (\S) \d+ (\d+)/.exec(stat) ?? [];
      return Number(ofGroup) === group && state !== 'Z' ? [`${command}`] : [];
    } catch {
      return [];
    }
  });
}

export async function childrenOf(parent: number): Promise<number[]> {
  const pids = await allPids();
  const parents = await Promise.all(pids.map(parentOf));
  return pids.filter((_, index) => parents[index] === parent);
}
