/** One generation and where it belongs. */
export interface Job {
  readonly generation: string;
  readonly conversation: string;
  readonly tenant: string;
  /** The user whose conversation it is, unique within the tenant. Those of nobody are as if one user had them all. */
  readonly owner: string | null;
}

/** How far a generation has come in its conversation's ledger. */
export type JobStage =
  /** Asked for, and waiting for its turn. */
  | 'requested'
  /** Its prompt stands: somebody has to answer it. */
  | 'prompted'
  | 'ended';

export interface TakenJob extends Job {
  /**
   * Whether somebody held it before, who gave it back or whose time has run out: nobody can be at it unannounced. When
   * nobody ever did, whoever is at it may not have come to say so yet.
   */
  readonly wasHeld: boolean;
}

/**
 * The generations that are to be answered, and who is at which: a table that can be thrown away and recorded again
 * from the log. It says who should work; who does is decided by the claim on the generation's tape.
 *
 * The tenants are served in turn, and within a tenant its owners, however many jobs one of them asks for: fairness is what
 * `take` is for. What several callers take at the same moment is dealt out as if each were alone, so it may be one turn off.
 *
 * Time is measured by the store alone, so the clocks of nodes need not agree. Throws RetryableError when it is away.
 */
export interface Work {
  /**
   * May happen twice and in any order, since several writers do it: the furthest stage stands. Where it belongs is what
   * the first one said. A job that nobody has recorded before may be left alone for a while. True when nobody has to look
   * at it now: it is left alone, somebody holds it, or it has ended. False says no more than that nobody is known.
   */
  record(job: Job, stage: JobStage, aloneMs?: number): Promise<boolean>;

  /** Records a job as prompted and takes it, unless another holds it or it has ended. True when it is the holder's now. */
  hold(job: Job, holder: string, durationMs: number): Promise<boolean>;

  /**
   * Takes prompted jobs that nobody holds and whose time has come. No two callers get the same one.
   *
   * Each owner's jobs stand in a line: those that are held, then those that wait, oldest first. Each tenant's jobs stand in a
   * line of lines: those that are held, then those that are nearest to the front of their owner's line, and of equals those
   * whose owner has waited longest, since the job came due or one of its line was last taken. Jobs are taken by their place
   * in their tenant's line, and of equals those whose tenant has waited longest. So a tenant with fewest jobs at work comes
   * first, and within it an owner with fewest. It may read all that waits.
   */
  take(holder: string, durationMs: number, jobsMax: number): Promise<readonly TakenJob[]>;

  /** Holds on to those of these jobs that are still the holder's, and answers which they are. */
  renew(holder: string, generations: readonly string[], durationMs: number): Promise<readonly string[]>;

  /** Gives a job back, to be taken by anybody after a pause. Nothing happens when another holds it. */
  release(holder: string, generation: string, pauseMs: number): Promise<void>;

  /**
   * Gives a job back as if this holder had not taken it; the next take of it answers this `wasHeld`. Nothing happens when
   * another holds the job.
   */
  returnUnbegun(holder: string, job: TakenJob): Promise<void>;

  /**
   * The age of the oldest prompted job that no process holds, counted from when it first came due: a release does not
   * reset it, so a job that fails again and again grows old. 0 when there is none.
   */
  oldestWaitingMs(): Promise<number>;

  /** Where a generation belongs, ended ones included; nothing when it was never recorded. */
  find(generation: string): Promise<Job | undefined>;
}
