import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runningProcesses } from './jest/running-processes.js';
import { runOf } from './programs.js';
import { until } from './until.js';

/** The product as its users run it: a process of its own, with no environment but what is said here. */
export interface Product {
  readonly address: string;
  readonly banner: string;
  /** Everything that it has written so far, to both of its outputs. */
  said(): string;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

const BUILD_AND_START_MS = 60_000;

interface Run {
  readonly child: ChildProcess;
  readonly output: { out: string; err: string };
  readonly ended: Promise<number | null>;
}

/** A start of which nothing is expected yet. Its bundle differs from that of `npm start` only in the format of its modules. */
export function run(environment: Record<string, string>, options: SpawnOptions = {}): Run {
  return launch(runOf('main'), environment, options);
}

/** The same, as `npm start` does it. */
export function runFromCheckout(environment: Record<string, string>): Run {
  return launch(scripted('start.mjs'), environment);
}

/** One command of the command line. */
export function command(environment: Record<string, string>, ...words: string[]): Run {
  return launch(scripted('verbatim.mjs', ...words), environment);
}

const scripted = (script: string, ...words: string[]): [string, ...string[]] => [
  process.execPath,
  join(process.cwd(), 'scripts', script),
  ...words,
];

export function launch(
  [program, ...words]: [string, ...string[]],
  environment: Record<string, string>,
  options: SpawnOptions = {},
): Run {
  const child = spawn(program, words, {
    env: { PATH: process.env.PATH ?? '', PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
  const output = { out: '', err: '' };
  child.stdout?.on('data', (chunk) => {
    output.out += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    output.err += chunk;
  });
  runningProcesses.add(child);
  child.once('close', () => runningProcesses.delete(child));
  return { child, output, ended: once(child, 'close').then(([code]) => code) };
}

export function startProduct(environment: Record<string, string>): Promise<Product> {
  return started(run(environment));
}

/** What was told to start, when it has. */
export async function started({ child, output, ended }: Run): Promise<Product> {
  await until(() => output.out.includes('  data ') || child.exitCode !== null, BUILD_AND_START_MS);
  const address = /address +(\S+)/.exec(output.out)?.[1];
  if (!address) throw new Error(`it did not start:\n${output.out}\n${output.err}`);
  return {
    address,
    banner: output.out,
    said: () => output.out + output.err,
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      return ended;
    },
  };
}

/** A start that is expected to be refused: how it ended, and what it said. */
export async function refusedStart(
  environment: Record<string, string>,
): Promise<{ code: number | null; said: string }> {
  const { output, ended } = run(environment);
  const code = await ended;
  return { code, said: output.err };
}

/** The command lines of all live processes that name this text. Linux only; elsewhere there is nothing to read. */
export function processesNaming(text: string): string[] {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return processes.flatMap((pid) => {
    try {
      const commandLine = readFileSync(join('/proc', pid, 'cmdline'), 'utf8').replaceAll('\0', ' ');
      return commandLine.includes(text) ? [commandLine] : [];
    } catch (error) {
      // It ended while we looked.
      if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
      throw error;
    }
  });
}
