import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresCommandPlaces } from '../../src/adapters/postgres/postgres-command-places.js';
import { PostgresWork } from '../../src/adapters/postgres/postgres-work.js';
import { RetryableError } from '../../src/ports/errors.js';
import type { Job, Work } from '../../src/ports/work.js';
import { MemoryWork } from '../support/memory/memory-work.js';
import { type OwnPostgres, startOwnPostgres, withClient } from '../support/postgres-cluster.js';
import { postgresStore } from '../support/postgres-store.js';
import { workContract } from './work.contract.js';

workContract('Postgres', () => postgresStore((pool) => new PostgresWork(pool, 0)));

const LONG_MS = 600_000;
const aJob = (generation: string): Job => ({ generation, conversation: 'c', tenant: 't', owner: 'o' });

type Call = { [Name in keyof Work]: readonly [Name, ...Parameters<Work[Name]>] }[keyof Work];

const named = <Name extends keyof Work>(name: Name) => fc.constant(name);
/** Each may die, for good. */
const holder = fc.constantFrom('a', 'b', 'c', 'd');
const generation = fc.constantFrom('1', '2', '3');
const job: fc.Arbitrary<Job> = fc.record({
  generation,
  conversation: fc.constantFrom('c', 'd'),
  tenant: fc.constantFrom('t', 'u'),
  owner: fc.constantFrom('o', 'p', null),
});
/** Over at once, or never: so no answer depends on how fast the calls follow each other. */
const time = fc.constantFrom(0, LONG_MS);

const someCall: fc.Arbitrary<Call> = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(named('record'), job, fc.constantFrom('requested', 'prompted')) },
  // Seldom, because nothing happens to a job after it.
  { weight: 1, arbitrary: fc.tuple(named('record'), job, fc.constant('ended')) },
  { weight: 10, arbitrary: fc.tuple(named('hold'), job, holder) },
  { weight: 10, arbitrary: fc.tuple(named('take'), holder, fc.integer({ min: 0, max: 3 })) },
  { weight: 8, arbitrary: fc.tuple(named('renew'), holder, time, fc.array(generation, { maxLength: 4 })) },
  { weight: 2, arbitrary: fc.tuple(named('isAlive'), holder) },
  { weight: 8, arbitrary: fc.tuple(named('release'), holder, generation, time) },
  { weight: 2, arbitrary: fc.tuple(named('find'), generation) },
);

/** More jobs of fewer owners and two tenants, each the owner's for good: so lines become long, and are begun from in many ways. */
const jobInLine: fc.Arbitrary<Job> = fc.integer({ min: 0, max: 29 }).map((nth) => ({
  ...aJob(`${nth}`),
  tenant: nth % 3 === 0 ? 'u' : 't',
  owner: [null, 'o', 'o', 'p'][nth % 4] as string | null,
}));

const callInLine: fc.Arbitrary<Call> = fc.oneof(
  { weight: 10, arbitrary: fc.tuple(named('record'), jobInLine, fc.constant('prompted')) },
  { weight: 5, arbitrary: fc.tuple(named('record'), jobInLine, fc.constant('ended')) },
  { weight: 3, arbitrary: fc.tuple(named('hold'), jobInLine, holder) },
  { weight: 2, arbitrary: fc.tuple(named('renew'), holder, time, fc.constant([])) },
  { weight: 6, arbitrary: fc.tuple(named('take'), holder, fc.integer({ min: 1, max: 3 })) },
  {
    weight: 3,
    arbitrary: fc.tuple(
      named('release'),
      holder,
      jobInLine.map((job) => job.generation),
      time,
    ),
  },
);

function answer(work: Work, [name, ...values]: Call): Promise<unknown> {
  return (work[name] as (...values: unknown[]) => Promise<unknown>).apply(work, values);
}

describe('work in a Postgres of its own', () => {
  let postgres: OwnPostgres;
  let pool: ConnectionPool;
  let work: Work;
  beforeAll(async () => {
    postgres = await startOwnPostgres();
    // One connection, so that what it has counted is counted once it is asked.
    pool = new ConnectionPool(postgres.connection, 1, 10_000);
    work = new PostgresWork(pool, 0);
  });
  beforeEach(() => work.renew('a', LONG_MS, []));
  afterEach(() => query('TRUNCATE runtime.generations, runtime.workers'));
  afterAll(async () => {
    await pool.close();
    await postgres.stop();
  });

  const query = (text: string) => pool.query<string[]>({ text, rowMode: 'array' });

  async function counted(text: string): Promise<number[]> {
    await query('SELECT pg_stat_force_next_flush()');
    const [row] = await query(text);
    return (row ?? []).map(Number);
  }

  it.each([
    ['whatever is asked for', someCall, 40],
    ['whoever’s turn it is', callInLine, 80],
  ])('answers as memory does, %s', async (_, someCall, callsMax) => {
    await fc.assert(
      fc.asyncProperty(fc.array(someCall, { minLength: 1, maxLength: callsMax, size: 'max' }), async (calls) => {
        let ticks = 0;
        const memory = new MemoryWork({ now: () => ++ticks });
        await query('TRUNCATE runtime.generations, runtime.workers');
        for (const call of calls) expect(await answer(work, call)).toEqual(await answer(memory, call));
      }),
      { numRuns: 100 },
    );
  });

  it('skips a job that another worker is taking, without waiting', async () => {
    const [locked, free] = [aJob('1'), aJob('2')];
    for (const job of [locked, free]) await work.record(job, 'prompted');
    await withClient(postgres.connection, async (client) => {
      await client.query(`BEGIN; SELECT FROM runtime.generations WHERE generation = '1' FOR UPDATE`);
      expect(await work.take('a', 2)).toEqual([free]);
      await client.query('ROLLBACK');
    });
    expect(await work.take('a', 2)).toEqual([locked]);
  });

  it('takes a job before one that another worker is taking, without waiting', async () => {
    const [free, locked] = [aJob('1'), aJob('2')];
    for (const job of [free, locked]) await work.record(job, 'prompted');
    await withClient(postgres.connection, async (client) => {
      await client.query(`BEGIN; SELECT FROM runtime.generations WHERE generation = '2' FOR UPDATE`);
      expect(await work.take('a', 1)).toEqual([free]);
      await client.query('ROLLBACK');
    });
  });

  it('looks once at each of many that wait, and then at those that it gives, whatever the statistics say', async () => {
    await query(`
      INSERT INTO runtime.generations (generation, conversation, tenant, owner, stage, due_at)
      SELECT 'ended-' || nth, 'c', 't', 'o', 'ended', now() FROM generate_series(1, 20000) nth`);
    await query('ANALYZE runtime.generations');
    await query(`
      INSERT INTO runtime.generations (generation, conversation, tenant, owner, stage, due_at)
      SELECT nth, 'c', 't', nth % 7, 'prompted', now() FROM generate_series(1, 2000) nth`);
    const rowsRead = () =>
      counted(`
        SELECT by_id.idx_tup_read, waiting.idx_tup_read
        FROM pg_stat_user_indexes by_id JOIN pg_stat_user_indexes waiting USING (schemaname, relname)
        WHERE by_id.indexrelname = 'generations_pkey' AND waiting.indexrelname = 'generations_to_take'`);
    for (const statistics of ['of before', 'of now']) {
      if (statistics === 'of now') await query('ANALYZE runtime.generations');
      const before = await rowsRead();
      expect(await work.take('a', 10)).toHaveLength(10);
      const [byId = 0, waiting = 0] = (await rowsRead()).map((read, nth) => read - (before[nth] ?? 0));
      expect(waiting).toBe(2_000);
      // Those, and who is next of each owner: to lock them, to write them, and past what earlier writes left behind.
      expect(byId).toBeLessThan(100);
    }
  });

  it('takes without looking at what has ended, or is not due', async () => {
    await query(`
      INSERT INTO runtime.generations (generation, conversation, tenant, stage, due_at)
      SELECT 'ended-' || nth, 'c', 't', 'ended'::runtime.job_stage, now() FROM generate_series(1, 50000) nth
      UNION ALL
      SELECT 'paused-' || nth, 'c', 't', 'prompted', now() + interval '1 hour' FROM generate_series(1, 1000) nth`);
    await work.record(aJob('1'), 'prompted');
    const rowsRead = () =>
      counted(`
        SELECT t.seq_tup_read, i.idx_tup_read
        FROM pg_stat_user_tables t JOIN pg_stat_user_indexes i USING (schemaname, relname)
        WHERE schemaname = 'runtime' AND indexrelname = 'generations_to_take'`);
    const [unindexed = 0, indexed = 0] = await rowsRead();
    expect(await work.take('a', 10)).toHaveLength(1);
    expect(await rowsRead()).toEqual([unindexed, indexed + 1]);
  });

  it('finds the oldest job without reading what has ended, whatever the statistics say', async () => {
    await query(`
      INSERT INTO runtime.generations (generation, conversation, tenant, stage, due_at)
      SELECT 'ended-' || nth, 'c', 't', 'ended'::runtime.job_stage, now() FROM generate_series(1, 50000) nth`);
    await work.record(aJob('1'), 'prompted');
    const unindexed = () =>
      counted(`SELECT seq_tup_read FROM pg_stat_user_tables WHERE schemaname = 'runtime' AND relname = 'generations'`);
    for (const statistics of ['of before', 'of now']) {
      if (statistics === 'of now') await query('ANALYZE runtime.generations');
      const before = await unindexed();
      // More often than it takes to plan without the values.
      for (let nth = 0; nth < 6; nth++) expect(await work.oldestWaitingMs()).toBeGreaterThan(0);
      expect(await unindexed()).toEqual(before);
    }
  });

  it('waits for no flush, and leaves the connection to those who do', async () => {
    const flushes = async () => {
      const [writes] = await counted(`
        SELECT sum(writes) FROM pg_stat_io WHERE object = 'wal' AND context = 'normal' AND backend_type = 'client backend'`);
      return writes ?? Number.NaN;
    };
    const before = await flushes();
    for (let nth = 0; nth < 10; nth++) {
      const job = aJob(`${nth}`);
      await work.record(job, 'requested');
      await work.record(job, 'prompted');
      await work.take('a', 1);
      await work.hold(job, 'a');
      await work.renew('a', LONG_MS, [job.generation]);
      await work.release('a', job.generation, 0);
      await work.record(job, 'ended');
    }
    expect(await flushes()).toBe(before);
    await new PostgresCommandPlaces(pool).claim(randomUUID(), { stream: 'conversation-c', revision: 0 });
    // Two, where the record lies across the end of PostgreSQL's buffers.
    expect(await flushes()).toBeGreaterThan(before);
  });
});

it('work in a Postgres that is away fails for now, and not for good', async () => {
  const pool = new ConnectionPool({ host: '/nowhere' }, 1, 1_000);
  const work = new PostgresWork(pool, 0);
  await expect(work.record(aJob('1'), 'prompted')).rejects.toBeInstanceOf(RetryableError);
  await expect(work.hold(aJob('1'), 'a')).rejects.toBeInstanceOf(RetryableError);
  await expect(work.take('a', 1)).rejects.toBeInstanceOf(RetryableError);
  await expect(work.renew('a', 1, [])).rejects.toBeInstanceOf(RetryableError);
  await expect(work.isAlive('a')).rejects.toBeInstanceOf(RetryableError);
  await expect(work.release('a', '1', 1)).rejects.toBeInstanceOf(RetryableError);
  await expect(work.find('1')).rejects.toBeInstanceOf(RetryableError);
  await pool.close();
});
