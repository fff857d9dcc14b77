import { limits } from '../../limits.js';
import type { Job, JobStage, Work } from '../../ports/work.js';
import type { ConnectionPool } from './connection-pool.js';
import { JoinedCalls } from './joined-calls.js';

/**
 * Turns off the wait for a flush, for this statement alone. It is joined to the written rows, so that it runs before them;
 * the commit reads the setting. The table can be rebuilt from the log, whose commits are flushed.
 */
const WITHOUT_FLUSH = `set_config('synchronous_commit', 'off', true)`;

const JOB = 'generation text, conversation text, tenant text, owner text';

// One value and not a join: after a concurrent change PostgreSQL reads only the job again, and not the row that it is joined to.
const lives = (holder: string) =>
  `coalesce((SELECT lives_until > statement_timestamp() FROM runtime.workers WHERE worker = ${holder}), false)`;

// Statements lock several rows in one order, so that no two of them deadlock.
const NEEDS_NO_WORKER = `stage = 'ended' OR due_at > clock_timestamp() OR ${lives('holder')}`;

const RECORD = `
  WITH job AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::json) AS job (${JOB}, stage runtime.job_stage, "aloneMs" float8)
  ), written AS (
    INSERT INTO runtime.generations AS standing (generation, conversation, tenant, owner, stage, due_at)
    SELECT generation, conversation, tenant, owner, stage, clock_timestamp() + "aloneMs" * interval '1 millisecond'
    FROM job, ${WITHOUT_FLUSH}
    ORDER BY generation
    ON CONFLICT (generation) DO UPDATE SET stage = excluded.stage WHERE standing.stage < excluded.stage
    RETURNING generation, stage, due_at, holder
  )
  SELECT generation, ${NEEDS_NO_WORKER} FROM written
  UNION ALL
  SELECT generation, ${NEEDS_NO_WORKER} FROM runtime.generations
  WHERE generation IN (SELECT generation FROM job EXCEPT SELECT generation FROM written)`;

const HOLD = `
  INSERT INTO runtime.generations AS standing (generation, conversation, tenant, owner, stage, due_at, holder)
  SELECT generation, conversation, tenant, owner, 'prompted', clock_timestamp(), worker
  FROM json_to_recordset($1::json) AS job (${JOB}, worker text), ${WITHOUT_FLUSH}
  ORDER BY generation
  ON CONFLICT (generation) DO UPDATE
    SET stage = excluded.stage, due_at = least(standing.due_at, excluded.due_at), holder = excluded.holder
    WHERE standing.stage < 'ended' AND NOT ${lives('standing.holder')}
  RETURNING generation, true`;

// Due by the time of the statement, which is constant, so that the index scan ends before jobs that are paused. It reads
// all jobs that are due, including those that are held. These are few; in a backlog each row costs about two microseconds.
//
// `free` goes down the order row by row, since LATERAL leaves no other way, and so locks no more than it gives. A stage
// is only ever left for a later one; asked for as it is there, no index but the primary key can serve that look.
//
// `heir` keeps the turn of an owner and of a tenant in mind. What is taken ends, and is not read any more, so the time is
// noted also at the job that is next in either line. One that another taker has locked is passed over: two takers must not
// wait for each other.
const TAKE = `
  WITH line AS MATERIALIZED (
    SELECT generation, due_at, next, next_of_tenant, tenant_turn, tenant_since FROM (
      SELECT *, row_number() OVER tenant_line AS tenant_turn, lead(generation) OVER tenant_line AS next_of_tenant,
        greatest(due_at, max(tenant_served_at) OVER tenant_line) AS tenant_since
      FROM (
        SELECT generation, tenant, due_at, is_held, tenant_served_at,
          row_number() OVER line AS turn, lead(generation) OVER line AS next,
          greatest(due_at, max(served_at) OVER line) AS since
        FROM (
          SELECT generation, tenant, owner, due_at, served_at, tenant_served_at, ${lives('holder')} AS is_held
          FROM runtime.generations WHERE stage = 'prompted' AND due_at <= statement_timestamp()
        ) due
        WINDOW line AS (PARTITION BY tenant, owner ORDER BY is_held DESC, due_at)
      ) of_owners
      WINDOW tenant_line AS (PARTITION BY tenant ORDER BY is_held DESC, turn, since, due_at)
    ) of_tenants
    WHERE NOT is_held ORDER BY tenant_turn, tenant_since, due_at
  ), free AS MATERIALIZED (
    SELECT line.* FROM line, LATERAL (
      SELECT FROM runtime.generations job
      WHERE job.generation = line.generation AND stage < 'ended' AND due_at <= statement_timestamp()
        AND NOT ${lives('holder')}
      FOR UPDATE SKIP LOCKED
    ) job
    LIMIT $2
  ), heir AS MATERIALIZED (
    SELECT job.generation, is_of_owner, is_of_tenant FROM (
      SELECT heir, bool_or(is_of_owner) AS is_of_owner, bool_or(NOT is_of_owner) AS is_of_tenant FROM (
        SELECT next AS heir, true AS is_of_owner FROM free
        UNION ALL
        SELECT next_of_tenant, false FROM free
      ) next
      WHERE heir NOT IN (SELECT generation FROM free) GROUP BY heir
    ) heir, LATERAL (
      SELECT generation FROM runtime.generations WHERE generation = heir FOR UPDATE SKIP LOCKED
    ) job
  ), passed AS (
    UPDATE runtime.generations job
    SET served_at = CASE WHEN is_of_owner THEN statement_timestamp() ELSE served_at END,
      tenant_served_at = CASE WHEN is_of_tenant THEN statement_timestamp() ELSE tenant_served_at END
    FROM heir, ${WITHOUT_FLUSH}
    WHERE job.generation = heir.generation
  ), taken AS (
    UPDATE runtime.generations job
    SET holder = $1, served_at = statement_timestamp(), tenant_served_at = statement_timestamp()
    FROM free, ${WITHOUT_FLUSH}
    WHERE job.generation = free.generation
    RETURNING job.generation, job.conversation, job.tenant, job.owner, tenant_turn, tenant_since, free.due_at
  )
  SELECT generation, conversation, tenant, owner FROM taken ORDER BY tenant_turn, tenant_since, due_at`;

// Dead workers are kept for longer than a claim takes to be judged, and then deleted by the next worker that begins.
const RENEW = `
  WITH swept AS (
    DELETE FROM runtime.workers WHERE lives_until < clock_timestamp() - interval '1 day'
      AND NOT EXISTS (SELECT FROM runtime.workers WHERE worker = $1)
  ), renewed AS (
    INSERT INTO runtime.workers AS standing (worker, lives_until)
    SELECT $1, clock_timestamp() + $2 * interval '1 millisecond' FROM ${WITHOUT_FLUSH}
    ON CONFLICT (worker) DO UPDATE SET lives_until = excluded.lives_until WHERE standing.lives_until > clock_timestamp()
    RETURNING worker
  ), changed AS MATERIALIZED (
    SELECT generation, generation = ANY($3::text[]) AS is_answered FROM runtime.generations
    WHERE stage = 'prompted'
      AND CASE WHEN generation = ANY($3::text[]) THEN NOT ${lives('holder')} ELSE holder = $1 END
    ORDER BY generation FOR UPDATE
  ), written AS (
    UPDATE runtime.generations job
    SET holder = CASE WHEN is_answered THEN $1 END, due_at = least(due_at, clock_timestamp())
    FROM changed WHERE job.generation = changed.generation
  )
  SELECT worker FROM renewed`;

const IS_ALIVE = 'SELECT 1 FROM runtime.workers WHERE worker = $1 AND lives_until > clock_timestamp()';

const RELEASE = `
  UPDATE runtime.generations
  SET holder = NULL, due_at = clock_timestamp() + $3 * interval '1 millisecond', waits_since = least(waits_since, due_at)
  FROM ${WITHOUT_FLUSH}
  WHERE generation = $2 AND holder = $1 AND stage = 'prompted'`;

// Reads all prompted jobs: a release moves `due_at`, so the index no longer orders the jobs by age.
const OLDEST = `
  SELECT coalesce(extract(epoch FROM statement_timestamp() - min(coalesce(waits_since, due_at))), 0)::float8 * 1000
  FROM runtime.generations
  WHERE stage = 'prompted' AND (due_at <= statement_timestamp() OR waits_since IS NOT NULL)
    AND NOT ${lives('holder')}`;

const FIND = `SELECT conversation, tenant, owner FROM runtime.generations WHERE generation = $1`;

const statements = {
  record: RECORD,
  hold: HOLD,
  take: TAKE,
  release: RELEASE,
  renew: RENEW,
  isAlive: IS_ALIVE,
  oldest: OLDEST,
  find: FIND,
};

interface Recording extends Job {
  readonly stage: JobStage;
  readonly aloneMs: number;
}

/** Every turn is recorded and held, so simultaneous calls are joined: a statement costs more than its rows. */
export class PostgresWork implements Work {
  private readonly recordings: JoinedCalls<Recording, boolean>;
  /** The jobs that need no worker now. */
  private readonly notices: JoinedCalls<Recording, boolean>;
  private readonly holdings: JoinedCalls<Job & { readonly worker: string }, boolean>;

  constructor(
    private readonly pool: ConnectionPool,
    statementsApartMs: number = limits.workStatementsApartMs,
  ) {
    this.recordings = new JoinedCalls((jobs) => this.change('record', jobs));
    this.notices = new JoinedCalls((jobs) => this.change('record', jobs), statementsApartMs);
    this.holdings = new JoinedCalls((jobs) => this.change('hold', jobs), statementsApartMs);
  }

  async record(job: Job, stage: JobStage, aloneMs = 0): Promise<boolean> {
    const calls = stage === 'ended' || aloneMs > 0 ? this.notices : this.recordings;
    return (await calls.ask(job.generation, { ...job, stage, aloneMs })) ?? false;
  }

  async hold(job: Job, worker: string): Promise<void> {
    await this.holdings.ask(job.generation, { ...job, worker });
  }

  async take(worker: string, jobsMax: number): Promise<readonly Job[]> {
    const rows = await this.query<[string, string, string, string | null]>('take', [worker, jobsMax]);
    return rows.map(([generation, conversation, tenant, owner]) => ({ generation, conversation, tenant, owner }));
  }

  async release(worker: string, generation: string, pauseMs: number): Promise<void> {
    await this.query('release', [worker, generation, pauseMs]);
  }

  async renew(worker: string, durationMs: number, answers: readonly string[]): Promise<boolean> {
    return (await this.query('renew', [worker, durationMs, answers])).length > 0;
  }

  async isAlive(worker: string): Promise<boolean> {
    return (await this.query('isAlive', [worker])).length > 0;
  }

  async oldestWaitingMs(): Promise<number> {
    const [row] = await this.query<[number]>('oldest', []);
    return row?.[0] ?? 0;
  }

  async find(generation: string): Promise<Job | undefined> {
    const [row] = await this.query<[string, string, string | null]>('find', [generation]);
    return row && { generation, conversation: row[0], tenant: row[1], owner: row[2] };
  }

  /** Has no entry for unknown generations. */
  private async change(name: 'record' | 'hold', jobs: readonly Job[]): Promise<ReadonlyMap<string, boolean>> {
    return new Map(await this.query<[string, boolean]>(name, [JSON.stringify(jobs)]));
  }

  /** Prepared by name, because planning takes several times as long as running. */
  private query<Row extends unknown[]>(name: keyof typeof statements, values: unknown[]): Promise<Row[]> {
    return this.pool.query<Row>({ name: `work ${name}`, text: statements[name], values, rowMode: 'array' });
  }
}
