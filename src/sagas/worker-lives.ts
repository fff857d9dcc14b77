import { setMaxListeners } from 'node:events';
import { BackgroundPart } from '../background/background-part.js';
import { LinkedAbort } from '../background/linked-abort.js';
import { limits } from '../limits.js';
import type { BackgroundHealth } from '../ports/background-health.js';
import type { Clock } from '../ports/clock.js';
import type { Work } from '../ports/work.js';

/** A process is one worker while it renews in time. After a missed renewal it is a new worker with a new name. */
export interface Life {
  /** The name in its claims. */
  readonly worker: string;
  /** Aborted at the end of the life. From then on other workers may end its claims. */
  readonly over: AbortSignal;
}

export interface LifeParts {
  readonly work: Pick<Work, 'renew'>;
  readonly clock: Clock;
  readonly leaseMs: number;
  /** A unique name of this process. */
  readonly worker: string;
  readonly health: BackgroundHealth;
}

interface Living extends Life {
  /** On the monotonic clock. The store counts from the arrival of the renewal, so it ends the life later. */
  untilMs: number;
}

/** A worker renews three times in its lifetime, so that one slow answer does not end it. */
const RENEWALS_PER_LEASE = 3;

/**
 * Renews the life of this process as a worker, for all its generations at once. A worker that missed its time never
 * returns: other workers may have ended its claims, so its generations are left to them.
 */
export class WorkerLives {
  private nth = 1;
  private life: Living | undefined;
  private ending = new AbortController();
  private readonly stopping = new AbortController();
  private renewing: Promise<void> = Promise.resolve();
  private readonly background: BackgroundPart;

  constructor(
    private readonly parts: LifeParts,
    /** The generations that the worker answers now. */
    private readonly answers: (life: Life | undefined) => readonly string[],
    private readonly onBegun: () => void,
  ) {
    this.background = new BackgroundPart('work renewing', parts.health);
  }

  /** Undefined while no renewal has succeeded in time. */
  get current(): Life | undefined {
    const { life } = this;
    // After the process was suspended, a caller may come before the timer that ends the life.
    if (life && life.untilMs <= this.parts.clock.monotonic()) this.end();
    return this.life;
  }

  start(): void {
    this.renewing = this.renewAsLongAsItRuns();
  }

  /** Ends the life when no generation is left, so that other workers need not wait for its time to pass. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.renewing;
    const { life } = this;
    this.end();
    if (life) await this.background.attempt(async () => void (await this.parts.work.renew(life.worker, 0, [])));
  }

  private async renewAsLongAsItRuns(): Promise<void> {
    const { clock, leaseMs } = this.parts;
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.background.attempt(() => this.renew());
      const { life } = this;
      const woken = new LinkedAbort(life ? [signal, life.over] : [signal]);
      await clock.sleep(life ? leaseMs / RENEWALS_PER_LEASE : limits.workPollMs, woken.signal);
      woken.release();
    }
  }

  private async renew(): Promise<void> {
    const { work, clock, leaseMs } = this.parts;
    const answers = this.answers(this.current);
    const worker = this.name();
    const untilMs = clock.monotonic() + leaseMs;
    const isAlive = await work.renew(worker, leaseMs, answers);
    // The life may have ended during the renewal.
    if (worker !== this.name()) return;
    if (isAlive) this.live(worker, untilMs);
    else this.end();
  }

  private live(worker: string, untilMs: number): void {
    if (this.life) {
      this.life.untilMs = untilMs;
      return;
    }
    this.ending = new AbortController();
    // Each generation adds a listener.
    setMaxListeners(0, this.ending.signal);
    this.life = { worker, over: this.ending.signal, untilMs };
    void this.endInTime(this.life);
    this.onBegun();
  }

  /** From now on other workers may end its claims, so the answer of an open renewal is ignored. */
  private async endInTime(life: Living): Promise<void> {
    const { clock } = this.parts;
    while (!life.over.aborted) {
      const leftMs = life.untilMs - clock.monotonic();
      if (leftMs <= 0) return this.end();
      await clock.sleep(leftMs, life.over);
    }
  }

  private end(): void {
    this.nth += 1;
    this.life = undefined;
    this.ending.abort();
  }

  private name(): string {
    return this.nth === 1 ? this.parts.worker : `${this.parts.worker} ${this.nth}`;
  }
}
