import { BackgroundPart } from '../background/background-part.js';
import { LinkedAbort } from '../background/linked-abort.js';
import type { ConversationParts, PromptRunner } from '../commands/conversation-parts.js';
import { finalizeGeneration } from '../commands/endings.js';
import type { Origin } from '../commands/origin.js';
import { TapeWriter } from '../commands/tape-writer.js';
import type { OnItsWay } from '../commands/transact.js';
import type { Conversation } from '../domain/conversation/conversation.js';
import { type AskedModel, takeUp } from '../domain/generation.js';
import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import { RetryableError } from '../ports/errors.js';
import type { Job, Work } from '../ports/work.js';
import { GenerationRun, type RunParts } from './generation-run.js';
import { type Life, type LifeParts, WorkerLives } from './worker-lives.js';

export interface SagaParts extends Omit<RunParts, 'finalize' | 'hold'>, LifeParts, Omit<ConversationParts, 'runner'> {
  readonly work: Work;
  readonly drain: Drain;
}

interface Running {
  readonly run: GenerationRun;
  readonly over: Promise<void>;
}

/**
 * Answers prompts: those that commands of this process offer while they are being appended, and those in the work table.
 * The table is only a hint. The claim on a generation's tape decides which worker answers, so two workers with the same job
 * do no harm.
 */
export class GenerationSaga implements PromptRunner {
  private readonly running = new Map<string, Running>();
  /** Ended since the last renewal. The work table may not have recorded their ends. */
  private ended: string[] = [];
  private readonly lives: WorkerLives;
  private readonly stopping = new AbortController();
  private wakeUp = (): void => {};
  private isAwake = false;
  /** Prompts wait in the work table, so new offers are declined. */
  private isBehind = true;
  private taking: Promise<void> = Promise.resolve();
  private readonly background: BackgroundPart;
  private readonly parts: SagaParts & RunParts;

  constructor(parts: SagaParts) {
    this.parts = {
      ...parts,
      finalize: (...sealed) => finalizeGeneration({ ...parts, runner: this }, ...sealed),
      hold: (...held) => this.hold(...held),
    };
    this.background = new BackgroundPart('work taking', parts.health);
    this.lives = new WorkerLives(
      parts,
      (life) => this.answersOf(life),
      () => this.wake(),
    );
  }

  /** The number of generations that this process answers, including those that wait for a retry. */
  get open(): number {
    return this.running.size;
  }

  start(): void {
    this.lives.start();
    this.taking = this.takeAsLongAsItRuns();
  }

  /** Finishes open generations within the time of the drain, and hands the others over. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.wakeUp();
    await this.taking;
    const over = this.allOver();
    await this.parts.drain.wait(over);
    for (const { run } of this.running.values()) run.handOver();
    await over;
    await this.lives.stop();
  }

  offer(job: Job, origin: Origin, asked: AskedModel, prompted: OnItsWay<Conversation>): boolean {
    const life = this.lives.current;
    const earlier = this.running.get(job.generation);
    if (earlier && isAlive(earlier) && earlier.run.offerAgain(prompted.committed)) return true;
    if (earlier || !life || this.stopping.signal.aborted || this.isBehind || !this.parts.slots.tryTake()) {
      this.isBehind = true;
      return false;
    }
    const tape = TapeWriter.ofNew(this.parts, job, origin);
    const run = new GenerationRun(this.parts, job, life);
    const claim = this.claimBeside(tape, asked, life);
    // If the prompt is not committed, the failure of its claim is not reported.
    claim.catch(() => {});
    this.keep(run, run.answerOffered(tape, claim, prompted));
    return true;
  }

  wake(): void {
    this.isAwake = true;
    this.wakeUp();
  }

  private answersOf(life: Life | undefined): readonly string[] {
    const { ended } = this;
    this.ended = [];
    const running = [...this.running].filter(([, { run }]) => run.life === life);
    return [...running.map(([generation]) => generation), ...ended];
  }

  private async allOver(): Promise<void> {
    while (this.running.size > 0) await Promise.all([...this.running.values()].map(({ over }) => over));
  }

  private claimBeside(tape: TapeWriter, asked: AskedModel, { worker }: Life): Promise<unknown> {
    const { clock, generationTimeoutMs } = this.parts;
    const nowMs = clock.now();
    const claim = takeUp({ asked, worker, nowMs, deadlineMs: nowMs + generationTimeoutMs, cancelRequested: false });
    return tape.write([claim], this.stopping.signal);
  }

  private keep(run: GenerationRun, ending: Promise<boolean>): void {
    const { generation } = run.job;
    const over = this.settle(run, ending).finally(() => {
      this.running.delete(generation);
      if (this.isBehind) this.wakeUp();
    });
    this.running.set(generation, { run, over });
  }

  private async settle({ job, life }: GenerationRun, ending: Promise<boolean>): Promise<void> {
    const { leaseMs, warn } = this.parts;
    try {
      if (await ending) this.ended.push(job.generation);
    } catch (error) {
      warn({ ...job, err: error }, 'a generation failed in this process and will be retried');
      // An outage may pass soon. Any other error is likely to repeat.
      await this.release(job, life, error instanceof RetryableError ? limits.workPollMs : leaseMs);
    }
  }

  private async takeAsLongAsItRuns(): Promise<void> {
    const { clock } = this.parts;
    while (!this.stopping.signal.aborted) {
      this.isAwake = false;
      const pauseMs = await this.background.attempt(() => this.takeWhatIsFree());
      // A wake-up does not shorten the pause after a failure.
      if (pauseMs > 0) await clock.sleep(pauseMs, this.stopping.signal);
      if (this.isAwake || this.stopping.signal.aborted) continue;
      const woken = new AbortController();
      this.wakeUp = () => woken.abort();
      await clock.sleep(limits.workPollMs, woken.signal);
    }
  }

  private async takeWhatIsFree(): Promise<void> {
    const { work, slots } = this.parts;
    const life = this.lives.current;
    const jobsMax = slots.free;
    if (!life || jobsMax === 0) return;
    const jobs = await work.take(life.worker, jobsMax);
    this.isBehind = jobs.length === jobsMax;
    for (const job of jobs) this.begin(job, life);
  }

  private begin(job: Job, life: Life): void {
    const { slots } = this.parts;
    const earlier = this.running.get(job.generation);
    if (earlier) {
      // The work table returned this job again. Restart it if this run has given it up.
      void earlier.over.then(() => this.begin(job, life));
      return;
    }
    if (!life.over.aborted && !this.stopping.signal.aborted && slots.tryTake()) {
      const run = new GenerationRun(this.parts, job, life);
      this.keep(run, run.answer());
      return;
    }
    // An offer took the slot, or this process stops. Release the job, because it could expire while it waits here.
    this.isBehind = true;
    void this.release(job, life, 0);
  }

  private async hold(job: Job, { worker }: Life): Promise<void> {
    await this.parts.work.hold(job, worker).catch((error) => this.background.failed(error));
  }

  /** Never rejects. If the release fails, the next renewal releases jobs that this process does not answer. */
  private async release({ generation }: Job, { worker }: Life, pauseMs: number): Promise<void> {
    await this.parts.work.release(worker, generation, pauseMs).catch((error) => this.background.failed(error));
  }
}

const isAlive = ({ run }: Running): boolean => !run.life.over.aborted;

/** The time that a stopping process gives its open generations. */
export class Drain {
  private readonly ended = new AbortController();

  constructor(
    private readonly milliseconds: number,
    private readonly clock: Pick<Clock, 'sleep'>,
  ) {}

  /** Ends the drain early, when another process can continue the open generations. */
  cutShort(): void {
    this.ended.abort();
  }

  /** Resolves when all have finished, when the time is over, or when `cutShort` is called. */
  async wait(finished: Promise<unknown>): Promise<void> {
    const over = new LinkedAbort([this.ended.signal]);
    await Promise.race([finished, this.clock.sleep(this.milliseconds, over.signal)]);
    over.abort();
  }
}
