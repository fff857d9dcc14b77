import { setTimeout as sleep } from 'node:timers/promises';

const firstDelayMs = 50;
const lastDelayMs = 1_000;
/** A server that ran for this long counts as recovered. */
const steadyMs = 60_000;

export interface RunningServer {
  readonly pid: number;
  /** Resolves when it has ended, with the reason. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

/** Starts a server and resolves when it is ready. If it rejects, nothing is left running. `cancelled` ends it early. */
export type BringUp = (cancelled: AbortSignal) => Promise<RunningServer>;

/** Keeps a server running until `stop` is called. */
export class Supervisor {
  readonly #cancelling = new AbortController();
  readonly #cancelled: Promise<undefined>;
  readonly #watch: Promise<void>;

  private constructor(
    private server: RunningServer,
    private readonly bringUp: BringUp,
    private readonly onNotice: (text: string) => void,
  ) {
    this.#cancelled = new Promise((resolve) => {
      this.#cancelling.signal.addEventListener('abort', () => resolve(undefined));
    });
    this.#watch = this.#keepRunning();
  }

  static async start(bringUp: BringUp, onNotice: (text: string) => void): Promise<Supervisor> {
    return new Supervisor(await bringUp(new AbortController().signal), bringUp, onNotice);
  }

  /** Of the server that was ready last. */
  get pid(): number {
    return this.server.pid;
  }

  async stop(): Promise<void> {
    this.#cancelling.abort();
    await this.#watch;
  }

  async #keepRunning(): Promise<void> {
    let failures = 0;
    while (true) {
      const since = performance.now();
      const how = await Promise.race([this.server.ended, this.#cancelled]);
      // The only place that stops, so that a server that became ready during the stop is stopped too.
      if (how === undefined) return this.server.stop();
      if (performance.now() - since > steadyMs) failures = 0;
      const restarted = await this.#restart(how, failures);
      if (!restarted) return;
      this.server = restarted.server;
      failures = restarted.failures;
      this.onNotice('PostgreSQL is running again.');
    }
  }

  async #restart(ended: string, before: number): Promise<{ server: RunningServer; failures: number } | undefined> {
    const { signal } = this.#cancelling;
    let reason = `PostgreSQL ended unexpectedly (${ended})`;
    for (let failures = before; !signal.aborted; failures++) {
      const delayMs = restartDelayMs(failures);
      this.onNotice(`${reason}; starting it again in ${delayMs} ms.`);
      await Promise.race([sleep(delayMs, undefined, { ref: false }), this.#cancelled]);
      if (signal.aborted) return undefined;
      try {
        return { server: await this.bringUp(signal), failures: failures + 1 };
      } catch (error) {
        reason = `PostgreSQL could not be started again (${(error as Error).message})`;
      }
    }
    return undefined;
  }
}

export function restartDelayMs(failures: number): number {
  return Math.min(firstDelayMs * 2 ** failures, lastDelayMs);
}
