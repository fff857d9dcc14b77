import type { Job, JobStage, TakenJob, Work } from '../../ports/work.js';
import type { ConnectionPool } from './connection-pool.js';

/**
 * Joined to what is written, so nothing can be written before it has run, and asked for at the commit: this statement
 * alone does not wait for a flush. The table is rebuilt from the log, which does.
 */
const WITHOUT_FLUSH = `set_config('synchronous_commit', 'off', true)`;

const RECORD = `
  INSERT INTO runtime.generations AS standing (generation, conversation, tenant, stage, due_at)
  SELECT $1, $2, $3, $4::runtime.job_stage, clock_timestamp() FROM ${WITHOUT_FLUSH}
  ON CONFLICT (generation) DO UPDATE SET stage = excluded.stage WHERE standing.stage < excluded.stage`;

const HOLD = `
  INSERT INTO runtime.generations AS standing (generation, conversation, tenant, stage, due_at, holder, held_until)
  SELECT $1, $2, $3, 'prompted', clock_timestamp(), $4, clock_timestamp() + $5 * interval '1 millisecond'
  FROM ${WITHOUT_FLUSH}
  ON CONFLICT (generation) DO UPDATE
    SET stage = excluded.stage, due_at = least(standing.due_at, excluded.due_at),
      holder = excluded.holder, held_until = excluded.held_until
    WHERE standing.stage < 'ended'
      AND (standing.held_until IS NULL OR standing.held_until <= clock_timestamp()
        OR standing.holder = excluded.holder)
  RETURNING generation`;

// Due by the statement's time, because only at one that stands still can the index end: what is in a pause is not read.
const TAKE = `
  WITH free AS MATERIALIZED (
    SELECT generation, held_until IS NOT NULL AS was_held FROM runtime.generations
    WHERE stage = 'prompted' AND due_at <= statement_timestamp()
      AND (held_until IS NULL OR held_until <= clock_timestamp())
    ORDER BY due_at LIMIT $3
    FOR UPDATE SKIP LOCKED
  ), taken AS (
    UPDATE runtime.generations job SET holder = $1, held_until = clock_timestamp() + $2 * interval '1 millisecond'
    FROM free, ${WITHOUT_FLUSH}
    WHERE job.generation = free.generation
    RETURNING job.generation, job.conversation, job.tenant, free.was_held, job.due_at
  )
  SELECT generation, conversation, tenant, was_held FROM taken ORDER BY due_at`;

const RENEW = `
  UPDATE runtime.generations SET held_until = clock_timestamp() + $3 * interval '1 millisecond'
  FROM ${WITHOUT_FLUSH}
  WHERE generation = ANY($2) AND holder = $1 AND held_until > clock_timestamp() AND stage = 'prompted'
  RETURNING generation`;

const RELEASE = `
  UPDATE runtime.generations
  SET held_until = '-infinity', due_at = clock_timestamp() + $3 * interval '1 millisecond'
  FROM ${WITHOUT_FLUSH}
  WHERE generation = $2 AND holder = $1 AND stage = 'prompted'`;

const FIND = `SELECT conversation, tenant FROM runtime.generations WHERE generation = $1`;

export class PostgresWork implements Work {
  constructor(private readonly pool: ConnectionPool) {}

  async record({ generation, conversation, tenant }: Job, stage: JobStage): Promise<void> {
    await this.query(RECORD, [generation, conversation, tenant, stage]);
  }

  async hold({ generation, conversation, tenant }: Job, holder: string, durationMs: number): Promise<boolean> {
    return (await this.query(HOLD, [generation, conversation, tenant, holder, durationMs])).length > 0;
  }

  async take(holder: string, durationMs: number, jobsMax: number): Promise<readonly TakenJob[]> {
    const rows = await this.query<[string, string, string, boolean]>(TAKE, [holder, durationMs, jobsMax]);
    return rows.map(([generation, conversation, tenant, wasHeld]) => ({ generation, conversation, tenant, wasHeld }));
  }

  async renew(holder: string, generations: readonly string[], durationMs: number): Promise<readonly string[]> {
    if (generations.length === 0) return [];
    const rows = await this.query<[string]>(RENEW, [holder, generations, durationMs]);
    return rows.map(([generation]) => generation);
  }

  async release(holder: string, generation: string, pauseMs: number): Promise<void> {
    await this.query(RELEASE, [holder, generation, pauseMs]);
  }

  async find(generation: string): Promise<Job | undefined> {
    const [row] = await this.query<[string, string]>(FIND, [generation]);
    return row && { generation, conversation: row[0], tenant: row[1] };
  }

  private query<Row extends unknown[]>(text: string, values: unknown[]): Promise<Row[]> {
    return this.pool.query<Row>({ text, values, rowMode: 'array' });
  }
}
