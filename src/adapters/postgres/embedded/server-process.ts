import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { within } from '../../../background/deadline.js';
import { type ServerAccount, serverEnvironment } from './account.js';
import { CannotStartPostgres } from './errors.js';
import { ifThere } from './if-there.js';
import { ServerLog } from './server-log.js';
import { privateTo, serverPort } from './settings.js';
import { signalIfAlive } from './signal.js';

/** Long, because a recovery after a crash reads up to max_wal_size. */
const startDeadlineMs = 300_000;
const connectDeadlineMs = 10_000;
const readinessPollMs = 10;
/** A fast shutdown writes a checkpoint; an immediate one does not, and leaves a recovery to the next start. */
const fastShutdownMs = 20_000;
const lastWordsMs = 1_000;

export interface ServerSpecification {
  readonly postgres: string;
  readonly account: ServerAccount | undefined;
  readonly cluster: string;
  readonly socketDirectory: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly onNotice: (text: string) => void;
}

/**
 * Runs PostgreSQL, and shuts it down when this process dies, even by kill -9: descriptor 3 is a pipe whose other end only
 * this process holds. The signal is repeated, because PostgreSQL loses one that comes before it has set up its handlers.
 * After the end of the pipe the socket directory is removed; after a crash of PostgreSQL it stays for the restart.
 *
 * The guardian ends last, so after its end no process of this run is left. When the pipe has ended, the watcher and its
 * sleep end by themselves. Before that the watcher waits for the pipe and has no child, so it can be killed.
 */
const guardian = `
directory=$1; shift
trap '' HUP INT TERM
"$@" </dev/null >&2 3<&- & postgres=$!
echo "$postgres"
(read -r _ <&3; : >"$directory/abandoned.$$"; while kill -INT "$postgres"; do sleep 0.1 3<&- || sleep 1 3<&-; done) >/dev/null 2>&1 & watcher=$!
wait "$postgres"; status=$?
[ -e "$directory/abandoned.$$" ] || kill -KILL "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
[ -e "$directory/abandoned.$$" ] && rm -rf "$directory"
exit "$status"
`;

/** One run of PostgreSQL, from its start to its end. */
export class ServerProcess {
  /** Resolves when it has ended, with the reason. Never rejects. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #log: ServerLog;
  readonly #closed: Promise<unknown>;
  #lastNotice = '';
  #pid = 0;
  #running = true;

  constructor(private readonly specification: ServerSpecification) {
    const { postgres, account, cluster, socketDirectory, onNotice } = specification;
    const settings = { ...specification.settings, ...privateTo(socketDirectory) };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const command = [postgres, '-D', cluster, ...options];
    // In its own process group: on Ctrl-C the application drains before the database stops.
    this.#child = spawn('/bin/sh', ['-c', guardian, 'sh', socketDirectory, ...command], {
      ...account,
      env: serverEnvironment,
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    this.#log = new ServerLog(onNotice);
    this.#child.stderr?.setEncoding('utf8').on('data', (chunk: string) => this.#log.write(chunk));
    this.#child.stdout?.setEncoding('utf8').on('data', (line: string) => {
      this.#pid = Number.parseInt(line, 10);
    });
    this.#closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.ended = this.#awaitEnd();
    this.#letTheLoopGo();
  }

  get pid(): number {
    return this.#pid;
  }

  /** Resolves when it accepts a connection. A file or a log line may be from an earlier run. */
  async ready(cancelled: AbortSignal): Promise<void> {
    const deadline = performance.now() + startDeadlineMs;
    while (!((await this.#saysReady()) && (await this.#takesConnections()))) {
      if (!this.#running) throw await this.#failure('PostgreSQL ended while it started');
      if (cancelled.aborted) {
        await this.stop();
        throw await this.#failure('The start of PostgreSQL was cancelled');
      }
      if (performance.now() > deadline) {
        this.#quit();
        throw await this.#failure('PostgreSQL did not start in time');
      }
      await sleep(readinessPollMs);
    }
  }

  async stop(): Promise<void> {
    this.#child.ref();
    this.#releasePipe();
    const patience = setTimeout(() => {
      this.specification.onNotice('PostgreSQL takes long to shut down: stopping it at once.');
      this.#quit();
    }, fastShutdownMs);
    await this.ended;
    clearTimeout(patience);
  }

  /** Stops without a checkpoint. The next start recovers all commits. */
  #quit(): void {
    if (this.#running && this.#pid > 0) signalIfAlive(this.#pid, 'SIGQUIT');
  }

  #awaitEnd(): Promise<string> {
    return new Promise<string>((resolve) => {
      this.#child.once('error', (error) => resolve(error.message));
      this.#child.once('exit', (code, signal) => resolve(signal ? `guardian killed by ${signal}` : `exit ${code}`));
    }).finally(() => {
      this.#running = false;
      // If only the guardian was killed, this shuts PostgreSQL down.
      this.#releasePipe();
    });
  }

  #releasePipe(): void {
    const pipe = this.#child.stdio[3];
    if (pipe instanceof Socket) pipe.destroy();
  }

  /** Does not keep the program alive. At its end the guardian shuts PostgreSQL down. */
  #letTheLoopGo(): void {
    this.#child.unref();
    for (const stream of this.#child.stdio) {
      if (stream instanceof Socket) stream.unref();
    }
  }

  /** An earlier connection would only write a refusal to the log. pg_ctl waits for line 8 too. */
  async #saysReady(): Promise<boolean> {
    const lines = (await ifThere(readFile(join(this.specification.cluster, 'postmaster.pid'), 'utf8')))?.split('\n');
    return Number(lines?.[0]) === this.#pid && lines?.[7]?.trim() === 'ready';
  }

  async #takesConnections(): Promise<boolean> {
    const client = new pg.Client({
      host: this.specification.socketDirectory,
      port: serverPort,
      user: 'postgres',
      database: 'postgres',
      ssl: false,
      connectionTimeoutMillis: connectDeadlineMs,
    });
    // The server may end again at once. `#running` reports an error between the two calls, which has no other listener.
    client.on('error', () => {});
    try {
      await client.connect();
      await client.end();
      return true;
    } catch (error) {
      this.#reportOnce(`PostgreSQL does not answer yet: ${(error as Error).message}`);
      return false;
    }
  }

  /** The readiness check runs many times a second and mostly fails in the same way. */
  #reportOnce(notice: string): void {
    if (!this.#running || notice === this.#lastNotice) return;
    this.#lastNotice = notice;
    this.specification.onNotice(notice);
  }

  async #failure(what: string): Promise<CannotStartPostgres> {
    // The last lines may not have arrived. Wait with a limit, because an orphan of PostgreSQL may hold the other end.
    await within(lastWordsMs, this.#closed, undefined);
    return new CannotStartPostgres(`${what} (${await this.ended}):\n${this.#log.lastLines}`);
  }
}
