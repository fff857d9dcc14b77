import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Job, JobStage, Work } from '../../src/ports/work.js';
import { until } from '../support/until.js';

/** Work that several processes share. */
export interface WorkStore {
  open(): Promise<Work>;
  destroy(): Promise<void>;
}

/** Longer than any test, so only a test that says so sees a time run out. */
const LONG_MS = 600_000;
/** More jobs than any test has. */
const ALL = 1_000;

const STAGES: readonly JobStage[] = ['requested', 'prompted', 'ended'];

type Ids = [string, string, string, string];

/** What every keeper of work must do. Takers see all jobs of a store, so each test ends its own. */
export function workContract(engine: string, createStore: () => Promise<WorkStore>): void {
  describe(`work in ${engine}`, () => {
    let store: WorkStore;
    let work: Work;
    let elsewhere: Work;
    beforeAll(async () => {
      store = await createStore();
      [work, elsewhere] = [await store.open(), await store.open()];
      for (const worker of ['a', 'b']) await work.renew(worker, LONG_MS, []);
    });
    afterAll(() => store.destroy());

    const jobs: Job[] = [];
    afterEach(async () => {
      for (const job of jobs.splice(0)) await work.record(job, 'ended');
    });

    /** Of an owner of its own, unless told otherwise. */
    function newJob(of: Partial<Job> = {}): Job {
      const [generation, conversation, tenant, owner] = Array.from({ length: 4 }, () => randomUUID()) as Ids;
      const job = { generation, conversation, tenant, owner, ...of };
      jobs.push(job);
      return job;
    }

    async function jobIn(stage: JobStage, of: Partial<Job> = {}): Promise<Job> {
      const job = newJob(of);
      await work.record(job, stage);
      return job;
    }

    /** That is alive for so long. */
    async function newWorker(durationMs = LONG_MS): Promise<string> {
      const worker = randomUUID();
      await work.renew(worker, durationMs, []);
      return worker;
    }

    async function jobOf(worker: string, of: Partial<Job> = {}): Promise<Job> {
      const job = newJob(of);
      await work.hold(job, worker);
      return job;
    }

    /** What any worker could take now. The one that takes it is dead, so the others still can. */
    async function takeable(): Promise<string[]> {
      return (await elsewhere.take('prober', ALL)).map(({ generation }) => generation);
    }

    async function stageOf(job: Job): Promise<JobStage> {
      if ((await takeable()).includes(job.generation)) return 'prompted';
      return (await elsewhere.record(job, 'prompted')) ? 'ended' : 'requested';
    }

    describe('the oldest job that waits', () => {
      it('is counted from when it came due, and only while no living worker has it', async () => {
        expect(await work.oldestWaitingMs()).toBe(0);
        await jobIn('requested');
        await jobOf('a');
        expect(await work.oldestWaitingMs()).toBe(0);
        const job = await jobIn('prompted');
        await until(async () => (await elsewhere.oldestWaitingMs()) > 5);
        const before = await work.oldestWaitingMs();
        await jobIn('prompted');
        expect(await work.oldestWaitingMs()).toBeGreaterThanOrEqual(before);
        await work.take('b', ALL);
        expect(await work.oldestWaitingMs()).toBe(0);
        await work.record(job, 'ended');
        expect(await work.oldestWaitingMs()).toBe(0);
      });

      it('keeps its age when workers release it, whether it pauses or can be taken', async () => {
        const job = await jobIn('prompted');
        let before = 0;
        for (const pauseMs of [0, LONG_MS, LONG_MS, 0]) {
          await until(async () => (await elsewhere.oldestWaitingMs()) > before + 20);
          before = await work.oldestWaitingMs();
          await work.hold(job, 'a');
          expect(await work.oldestWaitingMs()).toBe(0);
          await work.release('a', job.generation, pauseMs);
          expect(await elsewhere.oldestWaitingMs()).toBeGreaterThanOrEqual(before);
        }
        await work.record(job, 'ended');
        expect(await work.oldestWaitingMs()).toBe(0);
      });

      it('is not one that is left alone after it was recorded', async () => {
        await work.record(newJob(), 'prompted', LONG_MS);
        expect(await work.oldestWaitingMs()).toBe(0);
      });

      it('waits again when its worker is dead', async () => {
        await jobOf(await newWorker(0));
        await until(async () => (await work.oldestWaitingMs()) > 0);
      });
    });

    describe('find', () => {
      it('returns nothing for a generation that was never recorded', async () => {
        expect(await work.find(randomUUID())).toBeUndefined();
      });

      it.each(STAGES)('returns the job of one that is %s, in every process', async (stage) => {
        const job = await jobIn(stage);
        expect(await work.find(job.generation)).toEqual(job);
        expect(await elsewhere.find(job.generation)).toEqual(job);
      });

      it('returns the job of one that was held before it was recorded', async () => {
        const job = await jobOf('a');
        expect(await elsewhere.find(job.generation)).toEqual(job);
      });

      it('returns a job without an owner', async () => {
        const job = await jobIn('prompted', { owner: null });
        expect(await elsewhere.find(job.generation)).toEqual(job);
      });

      it('returns the conversation and the owner of the first record', async () => {
        const job = await jobIn('requested');
        const other = newJob({ generation: job.generation });
        await elsewhere.record(other, 'prompted');
        await elsewhere.hold(other, 'prober');
        expect(await work.find(job.generation)).toEqual(job);
        expect(await work.take('a', ALL)).toEqual([job]);
      });
    });

    describe('record', () => {
      it('keeps the furthest stage, for any order, number and simultaneity of records', async () => {
        const recorded = fc.array(fc.constantFrom(...STAGES), { minLength: 1, maxLength: 8 });
        await fc.assert(
          fc.asyncProperty(recorded, fc.boolean(), async (stages, atOnce) => {
            const job = newJob();
            const writes = stages.map((stage, nth) => () => (nth % 2 === 0 ? work : elsewhere).record(job, stage));
            if (atOnce) await Promise.all(writes.map((write) => write()));
            else for (const write of writes) await write();
            expect(await stageOf(job)).toBe(STAGES.findLast((stage) => stages.includes(stage)));
            await work.record(job, 'ended');
          }),
          { numRuns: 40 },
        );
      });

      it.each(['requested', 'prompted'] as const)('of %s leaves a job with its worker', async (stage) => {
        const job = await jobOf('a');
        await elsewhere.record(job, stage);
        expect(await takeable()).toEqual([]);
      });

      it('may reserve a new job for a while, and no other job', async () => {
        const [job, known] = [newJob(), await jobIn('prompted')];
        expect(await work.record(job, 'prompted', LONG_MS)).toBe(true);
        expect(await elsewhere.record(job, 'prompted')).toBe(true);
        expect(await work.record(known, 'prompted', LONG_MS)).toBe(false);
        expect(await takeable()).toEqual([known.generation]);
      });

      it('returns whether a worker has to take a job now', async () => {
        const [held, ended] = [await jobOf('a'), await jobIn('ended')];
        expect(await elsewhere.record(held, 'prompted')).toBe(true);
        expect(await work.record(ended, 'prompted')).toBe(true);
        await work.release('a', held.generation, 0);
        expect(await elsewhere.record(held, 'prompted')).toBe(false);
        expect(await work.record(held, 'ended')).toBe(true);
      });

      it('reserves a job no longer than requested', async () => {
        const job = newJob();
        await work.record(job, 'prompted', 50);
        await until(async () => (await takeable()).includes(job.generation));
      });

      it('of a prompt lets a job whose request was recorded before be taken at once', async () => {
        const job = await jobIn('requested');
        expect(await work.record(job, 'prompted', LONG_MS)).toBe(false);
        expect(await takeable()).toEqual([job.generation]);
      });

      it('of the end is final', async () => {
        const job = await jobOf('a');
        await elsewhere.record(job, 'ended');
        await work.release('a', job.generation, 0);
        await work.record(job, 'prompted');
        await work.hold(job, 'b');
        await work.renew('b', LONG_MS, [job.generation]);
        expect(await takeable()).toEqual([]);
        expect(await elsewhere.record(job, 'prompted')).toBe(true);
      });
    });

    describe('hold', () => {
      it.each(['requested', 'prompted'] as const)('gives a job that is %s to its worker', async (stage) => {
        const job = await jobIn(stage);
        await work.hold(job, 'a');
        expect(await elsewhere.record(job, 'prompted')).toBe(true);
        expect(await takeable()).toEqual([]);
      });

      it('makes a job prompted: once its worker is dead, any other may take it', async () => {
        const job = await jobIn('requested');
        await work.hold(job, await newWorker(0));
        expect(await elsewhere.take('b', ALL)).toEqual([job]);
      });

      it('leaves a job to another living worker, and takes it from a dead one', async () => {
        const [living, dead] = [await newWorker(), await newWorker(0)];
        const [others, free] = [await jobOf(living), await jobOf(dead)];
        for (const job of [others, free]) await elsewhere.hold(job, 'a');
        await work.renew(living, 0, [others.generation]);
        expect(await takeable()).toEqual([others.generation]);
      });

      it('ends a pause', async () => {
        const [worker, job] = [await newWorker(), await jobOf('a')];
        await work.release('a', job.generation, LONG_MS);
        await elsewhere.hold(job, worker);
        await work.renew(worker, 0, [job.generation]);
        expect(await takeable()).toEqual([job.generation]);
      });

      it('gives a job to one of ten simultaneous workers', async () => {
        const job = newJob();
        const workers = await Promise.all(Array.from({ length: 10 }, () => newWorker()));
        await Promise.all(workers.map((worker, nth) => (nth % 2 === 0 ? work : elsewhere).hold(job, worker)));
        expect(await takeable()).toEqual([]);
        for (const worker of workers) await work.renew(worker, LONG_MS, []);
        expect(await takeable()).toEqual([job.generation]);
      });
    });

    describe('take', () => {
      it('finds nothing where nothing is prompted', async () => {
        await jobIn('requested');
        await jobIn('ended');
        expect(await work.take('a', ALL)).toEqual([]);
      });

      it('gives a prompted job to exactly one worker', async () => {
        const job = await jobIn('prompted');
        expect(await work.take('a', ALL)).toEqual([job]);
        expect(await elsewhere.take('b', ALL)).toEqual([]);
        expect(await work.take('a', ALL)).toEqual([]);
      });

      it('gives those that wait longest first, and no more than asked for', async () => {
        const waiting = [await jobIn('requested'), await jobIn('prompted'), await jobIn('prompted')];
        await work.record(waiting[0] as Job, 'prompted');
        const rounds = [await work.take('a', 2), await elsewhere.take('b', 2)];
        expect(rounds.map((round) => round.length)).toEqual([2, 1]);
        expect(rounds.flat()).toEqual(waiting);
      });

      it('gives each job once, to any of many simultaneous workers', async () => {
        const tenant = randomUUID();
        const waiting = await Promise.all(
          Array.from({ length: 60 }, (_, nth) => jobIn('prompted', { tenant, owner: `${nth % 3}` })),
        );
        const workers = await Promise.all(Array.from({ length: 12 }, () => newWorker()));
        const asked = workers.map((worker, nth) => (nth % 2 === 0 ? work : elsewhere).take(worker, 7));
        const rounds = [...(await Promise.all(asked)), await work.take('a', ALL)];
        const taken = rounds.flat().map(({ generation }) => generation);
        expect(taken.toSorted()).toEqual(waiting.map(({ generation }) => generation).toSorted());
      });

      it('gives a job to another when its worker has died, and not before', async () => {
        const durationMs = 300;
        const renewedAt = performance.now();
        const job = await jobOf(await newWorker(durationMs));
        let taken = await elsewhere.take('b', ALL);
        await until(async () => {
          if (taken.length === 0) taken = await elsewhere.take('b', ALL);
          return taken.length > 0;
        });
        // The store's clock and this one may tick apart a little.
        expect(performance.now() - renewedAt).toBeGreaterThan(durationMs - 20);
        expect(taken).toEqual([job]);
        expect(await takeable()).toEqual([]);
      });
    });

    describe('take, from several owners,', () => {
      let tenant: string;
      beforeEach(() => {
        tenant = randomUUID();
      });

      async function waiting(count: number, of: Partial<Job>): Promise<string[]> {
        const generations: string[] = [];
        for (let nth = 0; nth < count; nth++) {
          generations.push((await jobIn('prompted', { tenant, ...of })).generation);
        }
        return generations;
      }

      async function taken(jobsMax = ALL): Promise<string[]> {
        return (await work.take('a', jobsMax)).map(({ generation }) => generation);
      }

      it('lets no owner wait for the flood of another', async () => {
        const flood = await waiting(50, { owner: 'ada' });
        const [bobs] = await waiting(1, { owner: 'bob' });
        expect(await taken(2)).toEqual([flood[0], bobs]);
      });

      it('gives one of each in turn, and each owner’s oldest first', async () => {
        const [a1, a2, a3] = await waiting(3, { owner: 'ada' });
        const [b1, b2] = await waiting(2, { owner: 'bob' });
        const [c1] = await waiting(1, { owner: 'cleo' });
        expect(await taken()).toEqual([a1, b1, c1, a2, b2, a3]);
      });

      it('gives first to those of whom workers have fewest', async () => {
        const adas = await waiting(2, { owner: 'ada' });
        for (let nth = 0; nth < 2; nth++) await jobOf('a', { tenant, owner: 'ada' });
        const bobs = await waiting(3, { owner: 'bob' });
        expect(await taken(3)).toEqual([bobs[0], bobs[1], adas[0]]);
        expect(await taken()).toEqual([bobs[2], adas[1]]);
      });

      it('does not count a job whose worker is dead, that was given back or has ended', async () => {
        await work.record(await jobOf('a', { tenant, owner: 'ada' }), 'ended');
        const expired = await jobOf(await newWorker(0), { tenant, owner: 'ada' });
        const paused = await jobOf('a', { tenant, owner: 'ada' });
        await work.release('a', paused.generation, LONG_MS);
        const [adas] = await waiting(1, { owner: 'ada' });
        const [b1, b2, b3] = await waiting(3, { owner: 'bob' });
        expect(await taken()).toEqual([expired.generation, b1, adas, b2, b3]);
      });

      it.each([1, 2])(
        'gives in turn also when %s at a time are held, and they end before others are',
        async (slots) => {
          const line = new Map<string, string>();
          for (const owner of ['ada', 'bob', 'cleo', 'dan']) {
            for (const generation of await waiting(6, { owner })) line.set(generation, owner);
          }
          const rounds: string[][] = [];
          for (let given = 0; given < line.size; given += slots) {
            const generations = await taken(slots);
            rounds.push(generations.map((generation) => line.get(generation) as string));
            for (const job of jobs.filter(({ generation }) => generations.includes(generation))) {
              await work.record(job, 'ended');
            }
          }
          expect(rounds.flat()).toEqual(Array.from({ length: 6 }, () => ['ada', 'bob', 'cleo', 'dan']).flat());
        },
      );

      it('counts jobs without an owner as jobs of one owner of their tenant', async () => {
        const nobodys = await waiting(3, { owner: null });
        const [bobs] = await waiting(1, { owner: 'bob' });
        const [elsewhere] = await waiting(1, { owner: null, tenant: randomUUID() });
        expect(await taken()).toEqual([nobodys[0], elsewhere, bobs, nobodys[1], nobodys[2]]);
      });

      it('lets no tenant wait for the flood of another, however many users that one has', async () => {
        const crowd: (string | undefined)[] = [];
        for (let nth = 0; nth < 20; nth++) crowd.push((await waiting(1, { owner: `user ${nth}` }))[0]);
        const [first, second] = await waiting(2, { owner: 'eve', tenant: randomUUID() });
        expect(await taken(4)).toEqual([crowd[0], first, crowd[1], second]);
      });

      it.each([1, 2])(
        'gives tenants their turn, and users theirs, also when %s at a time are held, and they end before others are',
        async (slots) => {
          const line = new Map<string, string>();
          const other = randomUUID();
          for (let nth = 0; nth < 3; nth++) {
            for (const owner of ['ada', 'bob']) {
              for (const generation of await waiting(1, { owner })) line.set(generation, owner);
            }
          }
          for (const generation of await waiting(6, { owner: 'eve', tenant: other })) line.set(generation, 'eve');
          const given: string[] = [];
          while (given.length < line.size) {
            const generations = await taken(slots);
            given.push(...generations.map((generation) => line.get(generation) as string));
            for (const job of jobs.filter(({ generation }) => generations.includes(generation))) {
              await work.record(job, 'ended');
            }
          }
          expect(given).toEqual(Array.from({ length: 3 }, () => ['ada', 'eve', 'bob', 'eve']).flat());
        },
      );

      it('counts owners of different tenants with the same name as different owners', async () => {
        const here = await waiting(2, { owner: 'ada' });
        const [there] = await waiting(1, { owner: 'ada', tenant: randomUUID() });
        expect(await taken()).toEqual([here[0], there, here[1]]);
      });
    });

    describe('renew', () => {
      it('keeps a worker alive for as long as it was last renewed for', async () => {
        const [worker, measure] = [await newWorker(300), await newWorker(300)];
        expect(await elsewhere.renew(worker, LONG_MS, [])).toBe(true);
        await until(async () => !(await work.isAlive(measure)));
        expect(await work.isAlive(worker)).toBe(true);
        expect(await work.renew(worker, 0, [])).toBe(true);
        expect(await elsewhere.isAlive(worker)).toBe(false);
      });

      it('revives no dead worker, also when no other worker has taken its jobs', async () => {
        const worker = await newWorker(0);
        const job = await jobOf(worker);
        expect(await elsewhere.renew(worker, LONG_MS, [job.generation])).toBe(false);
        expect(await work.isAlive(worker)).toBe(false);
        expect(await takeable()).toEqual([job.generation]);
      });

      it('gives its worker the jobs that it answers, unless another living worker has them', async () => {
        const worker = await newWorker();
        const [free, dead, paused] = [await jobIn('prompted'), await jobOf(await newWorker(0)), await jobOf('a')];
        const [others, requested] = [await jobOf('b'), await jobIn('requested')];
        await work.release('a', paused.generation, LONG_MS);
        const answers = [free, dead, paused, others, requested].map(({ generation }) => generation);
        await elsewhere.renew(worker, LONG_MS, answers);
        expect(await takeable()).toEqual([]);
        await elsewhere.renew(worker, 0, answers);
        expect((await takeable()).toSorted()).toEqual(
          [free, dead, paused].map(({ generation }) => generation).toSorted(),
        );
      });

      it('frees the jobs that its worker does not answer, and no others', async () => {
        const worker = await newWorker();
        const [answered, left] = [await jobOf(worker), await jobOf(worker)];
        await jobOf('a');
        await jobIn('requested');
        expect(await elsewhere.renew(worker, LONG_MS, [answered.generation, randomUUID()])).toBe(true);
        expect(await takeable()).toEqual([left.generation]);
      });
    });

    describe('isAlive', () => {
      it('is false for a worker that has not renewed yet', async () => {
        expect(await work.isAlive(randomUUID())).toBe(false);
      });
    });

    describe('release', () => {
      it('lets any worker take the job at once where no pause is asked for', async () => {
        const job = await jobOf('a');
        await work.release('a', job.generation, 0);
        expect(await elsewhere.take('b', ALL)).toEqual([job]);
      });

      it('lets no worker take the job before the pause is over', async () => {
        const job = await jobOf('a');
        const pauseMs = 300;
        const releasedAt = performance.now();
        await work.release('a', job.generation, pauseMs);
        await until(async () => (await takeable()).includes(job.generation));
        expect(performance.now() - releasedAt).toBeGreaterThan(pauseMs - 20);
      });

      it('puts a job behind those that wait already', async () => {
        const [released, waiting] = [await jobOf('a'), await jobIn('prompted')];
        await work.release('a', released.generation, 0);
        expect(await takeable()).toEqual([waiting.generation, released.generation]);
      });

      it('changes nothing when another worker has the job, or none ever had', async () => {
        const [others, free] = [await jobOf('b'), await jobIn('prompted')];
        for (const { generation } of [others, free]) await work.release('a', generation, LONG_MS);
        expect(await takeable()).toEqual([free.generation]);
        await work.release('b', others.generation, 0);
        expect(await takeable()).toEqual([free.generation, others.generation]);
      });
    });
  });
}
