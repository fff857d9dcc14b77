import type { Clock } from '../../ports/clock.js';
import type { Job, JobStage, TakenJob, Work } from '../../ports/work.js';

interface Entry {
  readonly job: Job;
  stage: JobStage;
  /** Since when it waits, or until when it is left alone. */
  dueAt: number;
  /** The last one, whose time may have run out. */
  held?: { readonly by: string; readonly until: number };
}

const STAGES: readonly JobStage[] = ['requested', 'prompted', 'ended'];

export class MemoryWork implements Work {
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly clock: Pick<Clock, 'now'>) {}

  async record(job: Job, stage: JobStage): Promise<void> {
    this.advance(job, stage);
  }

  async hold(job: Job, holder: string, durationMs: number): Promise<boolean> {
    const entry = this.advance(job, 'prompted');
    if (entry.stage === 'ended' || (this.isHeld(entry) && entry.held?.by !== holder)) return false;
    entry.dueAt = Math.min(entry.dueAt, this.clock.now());
    this.give(entry, holder, durationMs);
    return true;
  }

  async take(holder: string, durationMs: number, jobsMax: number): Promise<readonly TakenJob[]> {
    const now = this.clock.now();
    const free = [...this.entries.values()]
      .filter((entry) => entry.stage === 'prompted' && entry.dueAt <= now && !this.isHeld(entry))
      .sort((one, other) => one.dueAt - other.dueAt)
      .slice(0, jobsMax);
    return free.map((entry) => {
      const wasHeld = entry.held !== undefined;
      this.give(entry, holder, durationMs);
      return { ...entry.job, wasHeld };
    });
  }

  async renew(holder: string, generations: readonly string[], durationMs: number): Promise<readonly string[]> {
    return [...new Set(generations)].filter((generation) => {
      const entry = this.entries.get(generation);
      if (entry?.stage !== 'prompted' || entry.held?.by !== holder || !this.isHeld(entry)) return false;
      this.give(entry, holder, durationMs);
      return true;
    });
  }

  async release(holder: string, generation: string, pauseMs: number): Promise<void> {
    const entry = this.entries.get(generation);
    if (entry?.stage !== 'prompted' || entry.held?.by !== holder) return;
    entry.held = { by: holder, until: Number.NEGATIVE_INFINITY };
    entry.dueAt = this.clock.now() + pauseMs;
    // Last in the map, so that it comes behind those that are due at the same millisecond.
    this.entries.delete(generation);
    this.entries.set(generation, entry);
  }

  async find(generation: string): Promise<Job | undefined> {
    return this.entries.get(generation)?.job;
  }

  private advance({ generation, conversation, tenant }: Job, stage: JobStage): Entry {
    const standing = this.entries.get(generation);
    if (!standing) {
      const entry = { job: { generation, conversation, tenant }, stage, dueAt: this.clock.now() };
      this.entries.set(generation, entry);
      return entry;
    }
    if (STAGES.indexOf(standing.stage) < STAGES.indexOf(stage)) standing.stage = stage;
    return standing;
  }

  private isHeld({ held }: Entry): boolean {
    return held !== undefined && held.until > this.clock.now();
  }

  private give(entry: Entry, holder: string, durationMs: number): void {
    entry.held = { by: holder, until: this.clock.now() + durationMs };
  }
}
