import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Death, Hit, Report } from './failpoints.js';
import { runOf } from './programs.js';
import { until } from './until.js';

export interface ServerOptions {
  readonly environment: Record<string, string>;
  readonly dieAt?: Death;
  readonly neverLetsGo?: boolean;
}

export const ADMIN_KEY = `vb_admin_${'k'.repeat(32)}`;

/** Short, so that the leases of a dead process expire soon. */
const ENVIRONMENT = {
  PORT: '0',
  VERBATIM_ADMIN_KEY: ADMIN_KEY,
  VERBATIM_MODEL: 'fake-model',
  VERBATIM_LEASE_MS: '1000',
  VERBATIM_DELTA_FLUSH_MS: '5',
  LOG_LEVEL: 'warn',
};

/** The product in its own process, which dies at a given failpoint. It is loaded at once, and starts on request. */
export class ServerProcess {
  /** Appends that the log refused, because another process had written there. */
  readonly refused: { readonly stream: string; readonly types: readonly string[] }[] = [];
  hit: Hit | undefined;
  readonly ended: Promise<NodeJS.Signals | number>;
  private readonly child: ChildProcess;
  private address: string | undefined;
  /** To operators. */
  said = '';

  constructor({ environment, dieAt, neverLetsGo = false }: ServerOptions) {
    const options = [
      ...(dieAt ? [`--die-at=${dieAt.failpoint}:${dieAt.hit}`] : []),
      ...(neverLetsGo ? ['--never-lets-go'] : []),
    ];
    const [program, ...words] = runOf('failpoint-server');
    this.child = spawn(program, [...words, ...options], {
      env: { PATH: process.env.PATH ?? '', ...ENVIRONMENT, ...environment },
    });
    // It may have died before the write.
    this.child.stdin?.on('error', () => {});
    this.child.stderr?.on('data', (chunk) => {
      this.said += chunk;
    });
    if (this.child.stdout) createInterface({ input: this.child.stdout }).on('line', (line) => this.take(line));
    this.ended = once(this.child, 'close').then(([code, signal]) => signal ?? code);
  }

  /** Answers with its address, once it can be asked; with nothing when it came to its failpoint before. */
  async begin(): Promise<string | undefined> {
    this.child.stdin?.write('begin\n');
    await until(() => this.address !== undefined || this.isOver, 30_000);
    if (this.isOver) await this.ended;
    if (this.address === undefined && this.hit === undefined) throw new Error(`it did not start:\n${this.said}`);
    return this.address;
  }

  get isOver(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.child.kill(signal);
  }

  /** Whatever state it is in. */
  async destroy(): Promise<void> {
    if (!this.isOver) this.child.kill('SIGKILL');
    await this.ended;
  }

  private take(line: string): void {
    const told: Report = JSON.parse(line);
    if ('listening' in told) this.address = told.listening;
    if ('hit' in told) this.hit = told.hit;
    if ('refused' in told) this.refused.push({ stream: told.refused, types: told.types });
  }
}
