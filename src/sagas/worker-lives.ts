import { setMaxListeners } from 'node:events';
import { BackgroundPart } from '../background/background-part.js';
import { LinkedAbort } from '../background/linked-abort.js';
import { limits } from '../limits.js';
import type { BackgroundHealth } from '../ports/background-health.js';
import type { Clock } from '../ports/clock.js';
import type { Work } from '../ports/work.js';

/** A process is one worker for as long as it renews in time. After that it is another one, with another name. */
export interface Life {
  /** As it signs its claims. */
  readonly worker: string;
  /** Other workers may end its claims from then on. */
  readonly over: AbortSignal;
}

export interface LifeParts {
  readonly work: Pick<Work, 'renew'>;
  readonly clock: Clock;
  readonly leaseMs: number;
  /** This process, by a name that no other one has. */
  readonly worker: string;
  readonly health: BackgroundHealth;
}

interface Living extends Life {
  /** On the monotonic clock. The store counts from no earlier than the question, so it gives the worker up later. */
  untilMs: number;
}

/** Renewed thrice in its time, so that one slow answer does not end it. */
const RENEWALS_PER_LEASE = 3;

/**
 * Keeps this process alive as a worker, for all its generations at once. A worker that was dead for a moment stays dead:
 * others may have ended its claims already, so what it was answering is left to them.
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
    /** What the worker answers now. */
    private readonly answers: (life: Life | undefined) => readonly string[],
    private readonly onBegun: () => void,
  ) {
    this.background = new BackgroundPart('work renewing', parts.health);
  }

  /** Nothing while this process is not known to be alive. */
  get current(): Life | undefined {
    const { life } = this;
    // After a sleep of the whole process this may be asked before the timer has ended the life.
    if (life && life.untilMs <= this.parts.clock.monotonic()) this.end();
    return this.life;
  }

  start(): void {
    this.renewing = this.renewAsLongAsItRuns();
  }

  /** Once nothing is answered any more. Another worker need not wait for the time to run out. */
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
    // It may have ended while it was asked.
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
    // Each generation listens.
    setMaxListeners(0, this.ending.signal);
    this.life = { worker, over: this.ending.signal, untilMs };
    void this.endInTime(this.life);
    this.onBegun();
  }

  /** From then on other workers may end its claims, so the answer of a renewal that is under way comes too late. */
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
