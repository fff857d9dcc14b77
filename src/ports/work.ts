/** One generation, with its conversation, tenant and owner. */
export interface Job {
  readonly generation: string;
  readonly conversation: string;
  readonly tenant: string;
  /** The user who owns the conversation, unique within the tenant. Conversations without an owner count as those of one user. */
  readonly owner: string | null;
}

/** The stage of a generation in the ledger of its conversation. */
export type JobStage =
  /** It is requested, and waits in the queue. */
  | 'requested'
  /** Its prompt is recorded: a worker has to answer it. */
  | 'prompted'
  | 'ended';

/**
 * The generations to answer, the worker of each, and the living workers: a table that can be dropped and recorded again from
 * the log. It is a hint: the claim on the generation's tape decides which worker answers.
 *
 * A worker is alive from its first `renew` until it renews too late or for no time. Then it is dead for ever, so another worker
 * may end an open claim of it.
 *
 * `take` is fair: tenants take turns, and so do the owners within a tenant, however many jobs one of them has. Simultaneous
 * calls do not see each other, so the order may be off by one turn.
 *
 * Only the store measures time, so the clocks of nodes need not agree. Throws RetryableError if the store is away.
 */
export interface Work {
  /**
   * May be called twice and in any order, because several writers record: the furthest stage counts, and the first record
   * decides the owner and the conversation. A new job may be reserved for `aloneMs`. True if no worker has to take the job
   * now: it is reserved, a living worker has it, or it has ended. False if no living worker has it.
   */
  record(job: Job, stage: JobStage, aloneMs?: number): Promise<boolean>;

  /** Records that the worker answers the job. Changes nothing if another living worker has it. */
  hold(job: Job, worker: string): Promise<void>;

  /**
   * Takes prompted jobs that are due and that no living worker has. No two callers get the same one.
   *
   * The jobs of each owner form a queue: first those that living workers have, then those that wait, oldest first. The jobs
   * of each tenant form a queue too: first those that workers have, then those nearest to the front of their owner's queue, and of
   * equals those whose owner has waited longest, since the job came due or one of its queue was last taken. Jobs are taken by
   * their place in their tenant's queue, and of equals those whose tenant has waited longest. So a tenant with fewest jobs at
   * work comes first, and within it an owner with fewest. It may read all that waits.
   */
  take(worker: string, jobsMax: number): Promise<readonly Job[]>;

  /** Releases a job, so that any worker can take it after a pause. Changes nothing if another worker has it. */
  release(worker: string, generation: string, pauseMs: number): Promise<void>;

  /**
   * Renews the worker for this time. It holds the given jobs, unless another living worker has them; its other jobs are
   * released. False if it is dead.
   */
  renew(worker: string, durationMs: number, answers: readonly string[]): Promise<boolean>;

  /** False for a worker that has not renewed yet. */
  isAlive(worker: string): Promise<boolean>;

  /**
   * The age of the oldest prompted job that no living worker has, counted from when it first came due: a release does not
   * reset it, so a job that fails again and again grows old. 0 when there is none.
   */
  oldestWaitingMs(): Promise<number>;

  /** The job of a generation, also of an ended one. Undefined if it was never recorded. */
  find(generation: string): Promise<Job | undefined>;
}
