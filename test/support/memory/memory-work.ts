import type { Clock } from '../../../src/ports/clock.js';
import type { Job, JobStage, Work } from '../../../src/ports/work.js';

interface Entry {
  readonly job: Job;
  stage: JobStage;
  /** Since when it waits, or until when it is left alone. */
  dueAt: number;
  /** When it first came due; absent until a worker releases it. */
  waitsSince?: number;
  /** Which may be dead. */
  worker?: string;
  /** When it was last taken, or the one before it in its owner's line. */
  servedAt: number;
  /** The same in its tenant's line. */
  tenantServedAt: number;
}

/** Where a job stands in its owner's line, counted from one. */
interface Place {
  readonly entry: Entry;
  readonly turn: number;
  /** When its owner began to wait. */
  readonly since: number;
  readonly next: Entry | undefined;
}

/** Where a job stands in its tenant's line, in which the owners are served in turn. */
interface TenantPlace extends Place {
  readonly tenantTurn: number;
  /** When its tenant began to wait. */
  readonly tenantSince: number;
  readonly nextOfTenant: Entry | undefined;
}

const NEVER = Number.NEGATIVE_INFINITY;
const STAGES: readonly JobStage[] = ['requested', 'prompted', 'ended'];

export class MemoryWork implements Work {
  private readonly entries = new Map<string, Entry>();
  private readonly livesUntil = new Map<string, number>();
  private latest = Number.NEGATIVE_INFINITY;

  constructor(private readonly clock: Pick<Clock, 'now'>) {}

  async record(job: Job, stage: JobStage, aloneMs = 0): Promise<boolean> {
    const entry = this.advance(job, stage, aloneMs);
    const now = this.now();
    return entry.stage === 'ended' || entry.dueAt > now || this.isHeld(entry, now);
  }

  async hold(job: Job, worker: string): Promise<void> {
    const entry = this.advance(job, 'prompted');
    if (entry.stage === 'ended' || this.isHeld(entry, this.now())) return;
    entry.worker = worker;
    entry.dueAt = Math.min(entry.dueAt, this.now());
  }

  async take(worker: string, jobsMax: number): Promise<readonly Job[]> {
    const now = this.now();
    const places = this.inTurn(now).slice(0, jobsMax);
    return places.map(({ entry, next, nextOfTenant }) => {
      entry.worker = worker;
      entry.servedAt = entry.tenantServedAt = now;
      if (next) next.servedAt = now;
      if (nextOfTenant) nextOfTenant.tenantServedAt = now;
      return { ...entry.job };
    });
  }

  async release(worker: string, generation: string, pauseMs: number): Promise<void> {
    const entry = this.entries.get(generation);
    if (entry?.stage !== 'prompted' || entry.worker !== worker) return;
    entry.worker = undefined;
    entry.waitsSince ??= entry.dueAt;
    entry.dueAt = this.now() + pauseMs;
  }

  async renew(worker: string, durationMs: number, answers: readonly string[]): Promise<boolean> {
    const now = this.now();
    for (const entry of this.entries.values()) {
      if (entry.stage !== 'prompted') continue;
      const isAnswered = answers.includes(entry.job.generation);
      if (isAnswered ? this.isHeld(entry, now) : entry.worker !== worker) continue;
      entry.worker = isAnswered ? worker : undefined;
      entry.dueAt = Math.min(entry.dueAt, now);
    }
    if ((this.livesUntil.get(worker) ?? Number.POSITIVE_INFINITY) <= now) return false;
    this.livesUntil.set(worker, now + durationMs);
    return true;
  }

  async isAlive(worker: string): Promise<boolean> {
    return this.lives(worker, this.now());
  }

  async oldestWaitingMs(): Promise<number> {
    const now = this.now();
    const free = [...this.entries.values()].filter((entry) => entry.stage === 'prompted' && !this.isHeld(entry, now));
    return Math.max(0, ...free.map(({ dueAt, waitsSince = dueAt }) => now - waitsSince));
  }

  async find(generation: string): Promise<Job | undefined> {
    return this.entries.get(generation)?.job;
  }

  /** Those that wait, in the order in which they are taken. */
  private inTurn(now: number): TenantPlace[] {
    const due = [...this.entries.values()].filter(({ stage, dueAt }) => stage === 'prompted' && dueAt <= now);
    const places = linesOf(due, ({ job }) => JSON.stringify([job.tenant, job.owner])).flatMap((line) =>
      placesIn(line.sort((one, other) => this.heldFirst(one, other, now) || one.dueAt - other.dueAt)),
    );
    return linesOf(places, ({ entry }) => entry.job.tenant)
      .flatMap((line) =>
        tenantPlacesIn(
          line.sort(
            (one, other) =>
              this.heldFirst(one.entry, other.entry, now) ||
              one.turn - other.turn ||
              one.since - other.since ||
              one.entry.dueAt - other.entry.dueAt,
          ),
        ),
      )
      .filter(({ entry }) => !this.isHeld(entry, now))
      .sort(
        (one, other) =>
          one.tenantTurn - other.tenantTurn ||
          one.tenantSince - other.tenantSince ||
          one.entry.dueAt - other.entry.dueAt,
      );
  }

  private advance({ generation, conversation, tenant, owner }: Job, stage: JobStage, aloneMs = 0): Entry {
    const standing = this.entries.get(generation);
    if (!standing) {
      const job = { generation, conversation, tenant, owner };
      const entry = { job, stage, dueAt: this.now() + aloneMs, servedAt: NEVER, tenantServedAt: NEVER };
      this.entries.set(generation, entry);
      return entry;
    }
    if (STAGES.indexOf(standing.stage) < STAGES.indexOf(stage)) standing.stage = stage;
    return standing;
  }

  private lives(worker: string, now: number): boolean {
    return (this.livesUntil.get(worker) ?? NEVER) > now;
  }

  private isHeld({ worker }: Entry, now: number): boolean {
    return worker !== undefined && this.lives(worker, now);
  }

  private heldFirst(one: Entry, other: Entry, now: number): number {
    return Number(this.isHeld(other, now)) - Number(this.isHeld(one, now));
  }

  /** Never twice the same, as in a database: it alone tells what came first. */
  private now(): number {
    this.latest = Math.max(this.clock.now(), this.latest + 0.001);
    return this.latest;
  }
}

function linesOf<T>(members: readonly T[], keyOf: (member: T) => string): T[][] {
  const lines = new Map<string, T[]>();
  for (const member of members) {
    const key = keyOf(member);
    const line = lines.get(key) ?? [];
    lines.set(key, line);
    line.push(member);
  }
  return [...lines.values()];
}

function placesIn(line: readonly Entry[]): Place[] {
  let servedAt = NEVER;
  return line.map((entry, nth) => {
    servedAt = Math.max(servedAt, entry.servedAt);
    return { entry, turn: nth + 1, since: Math.max(entry.dueAt, servedAt), next: line[nth + 1] };
  });
}

function tenantPlacesIn(line: readonly Place[]): TenantPlace[] {
  let servedAt = NEVER;
  return line.map((place, nth) => {
    const { entry } = place;
    servedAt = Math.max(servedAt, entry.tenantServedAt);
    const tenantSince = Math.max(entry.dueAt, servedAt);
    return { ...place, tenantTurn: nth + 1, tenantSince, nextOfTenant: line[nth + 1]?.entry };
  });
}
