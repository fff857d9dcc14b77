/** One generation and where it belongs. */
export interface Job {
  readonly generation: string;
  readonly conversation: string;
  readonly tenant: string;
  /** The user who owns the conversation, unique within the tenant. Conversations without an owner count as those of one user. */
  readonly owner: string | null;
}

/** How far a generation has come in its conversation's ledger. */
export type JobStage =
  /** Asked for, and waiting for its turn. */
  | 'requested'
  /** Its prompt is recorded: a worker has to answer it. */
  | 'prompted'
  | 'ended';

/**
 * The generations that are to be answered, the worker of each, and which workers are alive: a table that can be thrown away
 * and recorded again from the log. It says who should work; who does is decided by the claim on the generation's tape.
 *
 * A worker is alive from its first `renew` on, until it renews too late or for no time. From then on it is dead, for ever: so
 * another worker that finds an open claim of a dead worker may end it.
 *
 * The tenants are served in turn, and within a tenant its owners, however many jobs one of them asks for: fairness is what
 * `take` is for. What several callers take at the same moment is dealt out as if each were alone, so it may be one turn off.
 *
 * Time is measured by the store alone, so the clocks of nodes need not agree. Throws RetryableError when it is away.
 */
export interface Work {
  /**
   * May be called twice and in any order, because several writers record: the furthest stage counts, and the first record
   * decides the owner and the conversation. A new job may be reserved for `aloneMs`. True if no worker has to take the job
   * now: it is reserved, a living worker has it, or it has ended. False if no living worker has it.
   */
  record(job: Job, stage: JobStage, aloneMs?: number): Promise<boolean>;

  /** The worker answers the job, whose prompt is recorded. Nothing happens when another living worker has it. */
  hold(job: Job, worker: string): Promise<void>;

  /**
   * Takes prompted jobs that no living worker has and whose time has come. No two callers get the same one.
   *
   * The jobs of each owner form a queue: first those that living workers have, then those that wait, oldest first. The jobs
   * of each tenant form a queue too: first those that workers have, then those nearest to the front of their owner's queue, and of
   * equals those whose owner has waited longest, since the job came due or one of its queue was last taken. Jobs are taken by
   * their place in their tenant's queue, and of equals those whose tenant has waited longest. So a tenant with fewest jobs at
   * work comes first, and within it an owner with fewest. It may read all that waits.
   */
  take(worker: string, jobsMax: number): Promise<readonly Job[]>;

  /** Gives a job back, to be taken by any worker after a pause. Nothing happens when another has it. */
  release(worker: string, generation: string, pauseMs: number): Promise<void>;

  /**
   * The worker lives for so long from now. It holds the recorded jobs that it answers, unless another living worker has them;
   * any worker may take the others that were its. False when it is dead.
   */
  renew(worker: string, durationMs: number, answers: readonly string[]): Promise<boolean>;

  /** False for a worker that has not renewed yet. */
  isAlive(worker: string): Promise<boolean>;

  /**
   * The age of the oldest prompted job that no living worker has, counted from when it first came due: a release does not
   * reset it, so a job that fails again and again grows old. 0 when there is none.
   */
  oldestWaitingMs(): Promise<number>;

  /** Where a generation belongs, ended ones included; nothing when it was never recorded. */
  find(generation: string): Promise<Job | undefined>;
}
