import { BackgroundPart } from '../background/background-part.js';
import type { ConversationParts } from '../commands/conversation-parts.js';
import { finalizeGeneration } from '../commands/finalize-generation.js';
import type { Origin, PromptRunner } from '../commands/prompt-runner.js';
import { TapeWriter } from '../commands/tape-writer.js';
import type { OnItsWay } from '../commands/transact.js';
import type { Conversation } from '../domain/conversation/conversation.js';
import { type AskedModel, takeUp } from '../domain/generation.js';
import { limits } from '../limits.js';
import type { BackgroundHealth } from '../ports/background-health.js';
import { RetryableError } from '../ports/errors.js';
import type { Job, TakenJob, Work } from '../ports/work.js';
import type { Drain } from './drain.js';
import { GenerationRun, type RunEnd, type RunParts } from './generation-run.js';

export interface SagaParts extends Omit<RunParts, 'finalize'>, Omit<ConversationParts, 'runner'> {
  readonly work: Work;
  readonly drain: Drain;
  readonly health: BackgroundHealth;
}

interface Held {
  readonly run: GenerationRun;
  /** On the monotonic clock of this process: later than this, another process may have taken it over. */
  untilMs: number;
  readonly over: Promise<void>;
  /** Whether the work table has it as held here. */
  readonly entered: Promise<boolean>;
  /** Its prompt is committed: until then the work table must not say that there is anything to answer. */
  isCommitted: boolean;
  /** Its run has ended, and the job is given back to the work table. */
  isLeft: boolean;
  /** The work table returned this job again. It is begun anew when this run has ended. */
  takenAgain?: Taken;
}

interface Holding extends Pick<Held, 'entered' | 'isCommitted'> {
  /** When this process asked for it: its time counts from then on. */
  readonly askedMs: number;
}

interface Taken {
  readonly job: TakenJob;
  /** The wall clock, to compare it with the times of claims. */
  readonly takenMs: number;
  /** The monotonic clock. The store counts the lease from no earlier than this. */
  readonly askedMs: number;
}

/** Renewed thrice in its time, so that one slow answer does not lose it. */
const RENEWALS_PER_LEASE = 3;

/**
 * Answers prompts: those that this process is offered while they are on their way into the log, and those that the
 * work table has for anybody. What it holds there only says who should work. Who does is decided by the claim on a
 * generation's tape, so two that believe to hold the same one do no harm.
 */
export class GenerationSaga implements PromptRunner {
  private readonly held = new Map<string, Held>();
  private readonly stopping = new AbortController();
  private readonly stopped = new AbortController();
  private wakeUp = (): void => {};
  private isAwake = false;
  /** Others wait in the table: an offer must not pass them. */
  private isBehind = true;
  private taking: Promise<void> = Promise.resolve();
  private renewing: Promise<void> = Promise.resolve();
  private readonly backgroundTaking: BackgroundPart;
  private readonly backgroundRenewing: BackgroundPart;
  private readonly parts: SagaParts & RunParts;

  constructor(parts: SagaParts) {
    this.parts = { ...parts, finalize: (...sealed) => finalizeGeneration({ ...parts, runner: this }, ...sealed) };
    this.backgroundTaking = new BackgroundPart('work taking', parts.health);
    this.backgroundRenewing = new BackgroundPart('work renewing', parts.health);
  }

  /** How many are in the hands of this process, those that wait to be tried again included. */
  get open(): number {
    return this.held.size;
  }

  start(): void {
    this.taking = this.takeAsLongAsItRuns();
    this.renewing = this.renewAsLongAsItRuns();
  }

  /** Finishes what it is at, as far as there is time, and hands the rest over. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.wakeUp();
    await this.taking;
    const over = Promise.all([...this.held.values()].map((each) => each.over));
    await this.parts.drain.wait(over);
    for (const { run } of this.held.values()) run.handOver();
    await over;
    this.stopped.abort();
    await this.renewing;
  }

  offer(job: Job, origin: Origin, asked: AskedModel, prompted: OnItsWay<Conversation>): boolean {
    const { slots } = this.parts;
    const { committed } = prompted;
    if (this.held.get(job.generation)?.run.offerAgain(committed)) return true;
    if (this.stopping.signal.aborted || this.isBehind || !slots.tryTake()) {
      this.isBehind = true;
      return false;
    }
    const askedMs = this.parts.clock.monotonic();
    const tape = TapeWriter.ofNew(this.parts, job, origin);
    const run = new GenerationRun(this.parts, job);
    const claim = this.claimBeside(tape, asked);
    // The claim of a prompt that comes to nothing may fail unheard.
    claim.catch(() => {});
    const entered = this.enter(job, claim, committed);
    this.keep(run, run.answerOffered(tape, claim, prompted), { entered, isCommitted: false, askedMs });
    return true;
  }

  wake(): void {
    this.isAwake = true;
    this.wakeUp();
  }

  /** True when a prompt is answered here and the work table says so: then nobody has to be told of it. */
  async isEntered(generation: string): Promise<boolean> {
    return (await this.held.get(generation)?.entered) ?? false;
  }

  private claimBeside(tape: TapeWriter, asked: AskedModel): Promise<unknown> {
    const { worker, clock, generationTimeoutMs } = this.parts;
    const nowMs = clock.now();
    const claim = takeUp({ asked, worker, nowMs, deadlineMs: nowMs + generationTimeoutMs, cancelRequested: false });
    return tape.write([claim], this.stopping.signal);
  }

  /**
   * Only what is committed, and only afterwards: until then the claim speaks for itself, and nothing waits for this on
   * the way to the first token.
   */
  private async enter(job: Job, claim: Promise<unknown>, committed: Promise<boolean>): Promise<boolean> {
    try {
      await claim;
    } catch {
      // Somebody else has it. Whoever is at it hears of that where it waits for the claim itself.
      return false;
    }
    if (!(await committed)) return false;
    const held = this.held.get(job.generation);
    if (!held) return false;
    held.isCommitted = true;
    await this.parts.clock.sleep(0);
    return this.hold(held);
  }

  private keep(run: GenerationRun, ending: Promise<RunEnd>, { entered, isCommitted, askedMs }: Holding): void {
    const { generation } = run.job;
    const ended = new AbortController();
    const held: Held = {
      run,
      entered,
      isCommitted,
      untilMs: askedMs + this.parts.leaseMs,
      isLeft: false,
      over: this.settle(run.job, ending).finally(() => {
        ended.abort();
        if (this.held.get(generation) === held) this.held.delete(generation);
        if (held.takenAgain) this.begin(held.takenAgain);
        if (this.isBehind) this.wakeUp();
      }),
    };
    this.held.set(generation, held);
    void this.loseInTime(held, ended.signal);
  }

  /** From then on another process may take the job over, whatever the work table has yet to answer. */
  private async loseInTime(held: Held, ended: AbortSignal): Promise<void> {
    const { clock } = this.parts;
    while (!ended.aborted) {
      const leftMs = held.untilMs - clock.monotonic();
      if (leftMs <= 0) return held.run.lose();
      await clock.sleep(leftMs, ended);
    }
  }

  private async settle(job: Job, ending: Promise<RunEnd>): Promise<void> {
    const { leaseMs, warn } = this.parts;
    try {
      const end = await ending;
      if (end.is === 'left') await this.leave(job, end.pauseMs);
      // Held here, the job would be kept from the worker that has claimed it, and would seem to be a dead worker's later.
      if (end.is === 'fenced') await this.returnUnbegun({ ...job, wasHeld: false });
    } catch (error) {
      warn({ ...job, err: error }, 'a generation could not be worked on, and will be taken up again');
      // An outage passes; anything else would only be met again.
      const pauseMs = error instanceof RetryableError ? limits.workPollMs : leaseMs;
      await this.leave(job, pauseMs);
    }
  }

  private leave(job: Job, pauseMs: number): Promise<void> {
    const held = this.held.get(job.generation);
    if (held) held.isLeft = true;
    return this.release(job, pauseMs);
  }

  private async takeAsLongAsItRuns(): Promise<void> {
    const { clock } = this.parts;
    while (!this.stopping.signal.aborted) {
      this.isAwake = false;
      const pauseMs = await this.backgroundTaking.attempt(() => this.takeWhatIsFree());
      // A wake-up must not shorten the pause after a failure.
      if (pauseMs > 0) await clock.sleep(pauseMs, this.stopping.signal);
      if (this.isAwake || this.stopping.signal.aborted) continue;
      const woken = new AbortController();
      this.wakeUp = () => woken.abort();
      await clock.sleep(limits.workPollMs, woken.signal);
    }
  }

  private async takeWhatIsFree(): Promise<void> {
    const { work, worker, leaseMs, slots, clock } = this.parts;
    const jobsMax = slots.free;
    if (jobsMax === 0) return;
    const taken = { takenMs: clock.now(), askedMs: clock.monotonic() };
    const jobs = await work.take(worker, leaseMs, jobsMax);
    this.isBehind = jobs.length === jobsMax;
    for (const job of jobs) {
      const standing = this.held.get(job.generation);
      if (standing) standing.takenAgain = { job, ...taken };
      else this.begin({ job, ...taken });
    }
  }

  private begin({ job, takenMs, askedMs }: Taken): void {
    const { slots } = this.parts;
    if (!this.stopping.signal.aborted && slots.tryTake()) {
      const run = new GenerationRun(this.parts, job);
      const holding = { entered: Promise.resolve(true), isCommitted: true, askedMs };
      this.keep(run, run.answerTaken({ wasHeld: job.wasHeld, takenMs }), holding);
      return;
    }
    // An offer was faster, or this process stops. Kept waiting here, the job could run out of its time unnoticed.
    this.isBehind = true;
    void this.returnUnbegun(job);
  }

  /** Never rejects: should it fail, the lease of the job runs out. */
  private async release({ generation }: Job, pauseMs: number): Promise<void> {
    const { work, worker } = this.parts;
    await work.release(worker, generation, pauseMs).catch((error) => this.backgroundRenewing.failed(error));
  }

  /**
   * Never rejects: if it fails, the lease of the job runs out. A release would look as if a worker had stopped here: the next
   * one to take the job would end the attempt of a process that has claimed it and has yet to say so in the work table.
   */
  private async returnUnbegun(job: TakenJob): Promise<void> {
    const { work, worker } = this.parts;
    const held = this.held.get(job.generation);
    if (held) held.isLeft = true;
    await work.returnUnbegun(worker, job).catch((error) => this.backgroundRenewing.failed(error));
  }

  private async renewAsLongAsItRuns(): Promise<void> {
    const { clock, leaseMs } = this.parts;
    while (!this.stopped.signal.aborted) {
      await clock.sleep(leaseMs / RENEWALS_PER_LEASE, this.stopped.signal);
      await this.backgroundRenewing.attempt(() => this.renew());
    }
  }

  private async renew(): Promise<void> {
    const { work, worker, leaseMs, clock } = this.parts;
    const askedMs = clock.monotonic();
    const renewed = new Set(await work.renew(worker, [...this.held.keys()], leaseMs));
    for (const [generation, held] of this.held) {
      if (renewed.has(generation)) held.untilMs = askedMs + leaseMs;
      else if (held.isCommitted && !held.isLeft) await this.hold(held);
    }
  }

  /** Never rejects. Another process may be just looking at the job, to find that it is claimed here: then it is held the next time. */
  private async hold(held: Held): Promise<boolean> {
    const { work, worker, leaseMs, clock } = this.parts;
    const { job } = held.run;
    const askedMs = clock.monotonic();
    try {
      const isHeld = await work.hold(job, worker, leaseMs);
      if (isHeld) held.untilMs = askedMs + leaseMs;
      // The release may have come first. Held here, the job would be kept from the worker that answers it.
      if (isHeld && held.isLeft) await this.release(job, 0);
      return isHeld;
    } catch (error) {
      this.backgroundRenewing.failed(error);
      return false;
    }
  }
}
