import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import type { Origin, PromptRunner } from '../commands/prompt-runner.js';
import { TapeWriter } from '../commands/tape-writer.js';
import { derivedId } from '../domain/derived-id.js';
import { takeUp } from '../domain/generation.js';
import { limits } from '../limits.js';
import { RetryableError } from '../ports/errors.js';
import type { Job, Work } from '../ports/work.js';
import { GenerationRun, type RunEnd, type RunParts } from './generation-run.js';

export interface SagaParts extends RunParts {
  readonly work: Work;
}

interface Held {
  readonly run: GenerationRun;
  /** On this process's clock: later than this, another may have taken it over. */
  untilMs: number;
  readonly over: Promise<void>;
  /** Whether the work table has it as held here. */
  readonly entered: Promise<boolean>;
}

/** Renewed thrice in its time, so that one slow answer does not lose it. */
const RENEWALS_PER_LEASE = 3;

/**
 * Answers prompts: those that this process is offered while they are on their way into the log, and those that the
 * work table has for anybody. What it holds there only says who should work. Who does is decided by the claim on a
 * generation's tape, so two that believe to hold the same one do no harm.
 */
export class GenerationSaga implements PromptRunner, OnApplicationBootstrap, OnModuleDestroy {
  private readonly held = new Map<string, Held>();
  private readonly stopping = new AbortController();
  private readonly stopped = new AbortController();
  private wakeUp = (): void => {};
  private isAwake = false;
  /** Others wait in the table: an offer must not pass them. */
  private isBehind = true;
  private loops: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: SagaParts) {}

  onApplicationBootstrap(): void {
    this.loops = Promise.all([this.takeAsLongAsItRuns(), this.renewAsLongAsItRuns()]);
  }

  /** Finishes what it is at, as far as there is time, and hands the rest over. */
  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    this.wakeUp();
    const over = Promise.all([...this.held.values()].map((each) => each.over));
    const finished = new AbortController();
    await Promise.race([over, this.parts.clock.sleep(limits.drainMs, finished.signal)]);
    finished.abort();
    for (const { run } of this.held.values()) run.handOver();
    await over;
    this.stopped.abort();
    await this.loops;
  }

  offer(job: Job, origin: Origin, committed: Promise<boolean>): boolean {
    const { slots } = this.parts;
    if (this.held.get(job.generation)?.run.offerAgain(committed)) return true;
    if (this.stopping.signal.aborted || this.isBehind || !slots.tryTake()) {
      this.isBehind = true;
      return false;
    }
    const tape = TapeWriter.ofNew(this.parts, job, origin);
    const run = new GenerationRun(this.parts, job);
    const claim = this.claimBeside(tape, job);
    // The claim of a prompt that comes to nothing may fail unheard.
    claim.catch(() => {});
    // Only afterwards: until then the claim speaks for itself, and nobody waits for this on the way to the first token.
    const entered = claim
      .then(() => this.parts.clock.sleep(0))
      .then(
        () => this.hold(job),
        () => false,
      );
    this.keep(run, run.answerOffered(tape, claim, committed), entered);
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

  /** With an id that is the same when the prompt has to be decided again: the second claim is then the first one. */
  private claimBeside(tape: TapeWriter, { generation }: Job): Promise<unknown> {
    const { worker, clock, generationTimeoutMs } = this.parts;
    const nowMs = clock.now();
    const claim = takeUp({ worker, nowMs, deadlineMs: nowMs + generationTimeoutMs, cancelRequested: false });
    return tape.write([claim], this.stopping.signal, derivedId(generation, `claim by ${worker}`));
  }

  private keep(run: GenerationRun, ending: Promise<RunEnd>, entered: Promise<boolean>): void {
    const { generation } = run.job;
    const held: Held = {
      run,
      entered,
      untilMs: this.parts.clock.now() + this.parts.leaseMs,
      over: this.settle(run.job, ending).finally(() => {
        if (this.held.get(generation) === held) this.held.delete(generation);
        if (this.isBehind) this.wakeUp();
      }),
    };
    this.held.set(generation, held);
  }

  private async settle(job: Job, ending: Promise<RunEnd>): Promise<void> {
    const { work, worker, leaseMs, warn } = this.parts;
    try {
      const end = await ending;
      if (end.is === 'left') await work.release(worker, job.generation, end.pauseMs);
    } catch (error) {
      warn({ ...job, err: error }, 'a generation could not be worked on, and will be taken up again');
      // An outage passes; anything else would only be met again.
      const pauseMs = error instanceof RetryableError ? limits.workPollMs : leaseMs;
      await work.release(worker, job.generation, pauseMs).catch(ifOutage);
    }
  }

  private async takeAsLongAsItRuns(): Promise<void> {
    const { clock } = this.parts;
    while (!this.stopping.signal.aborted) {
      this.isAwake = false;
      await this.takeWhatIsFree().catch(ifOutage);
      if (this.isAwake) continue;
      const woken = new AbortController();
      this.wakeUp = () => woken.abort();
      await clock.sleep(limits.workPollMs, woken.signal);
    }
  }

  private async takeWhatIsFree(): Promise<void> {
    const { work, worker, leaseMs, slots, clock } = this.parts;
    const jobsMax = slots.free;
    if (jobsMax === 0) return;
    const takenMs = clock.now();
    const jobs = await work.take(worker, leaseMs, jobsMax);
    this.isBehind = jobs.length === jobsMax;
    for (const job of jobs) {
      if (this.held.has(job.generation)) continue;
      if (slots.tryTake()) {
        const run = new GenerationRun(this.parts, job);
        this.keep(run, run.answerTaken({ wasHeld: job.wasHeld, takenMs }), Promise.resolve(true));
      } else {
        // An offer was faster. Kept waiting here, it could run out of its time unnoticed.
        await work.release(worker, job.generation, 0);
        this.isBehind = true;
      }
    }
  }

  private async renewAsLongAsItRuns(): Promise<void> {
    const { clock, leaseMs } = this.parts;
    while (!this.stopped.signal.aborted) {
      await clock.sleep(leaseMs / RENEWALS_PER_LEASE, this.stopped.signal);
      await this.renew().catch(ifOutage);
      const nowMs = clock.now();
      for (const held of this.held.values()) if (nowMs >= held.untilMs) held.run.lose();
    }
  }

  private async renew(): Promise<void> {
    const { work, worker, leaseMs, clock } = this.parts;
    const askedMs = clock.now();
    const renewed = new Set(await work.renew(worker, [...this.held.keys()], leaseMs));
    for (const [generation, held] of this.held) {
      if (renewed.has(generation)) held.untilMs = askedMs + leaseMs;
      else await this.hold(held.run.job);
    }
  }

  /** Somebody may be just looking at it, to find that it is claimed here: then it is held the next time. */
  private async hold(job: Job): Promise<boolean> {
    const { work, worker, leaseMs, clock } = this.parts;
    const askedMs = clock.now();
    const isHeld = (await work.hold(job, worker, leaseMs).catch(ifOutage)) ?? false;
    const held = this.held.get(job.generation);
    if (isHeld && held) held.untilMs = askedMs + leaseMs;
    return isHeld;
  }
}

function ifOutage(error: unknown): undefined {
  if (!(error instanceof RetryableError)) throw error;
  return undefined;
}
