import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Job, JobStage, TakenJob, Work } from '../../src/ports/work.js';
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

    async function jobHeldBy(holder: string, durationMs = LONG_MS, of: Partial<Job> = {}): Promise<Job> {
      const job = newJob(of);
      if (!(await work.hold(job, holder, durationMs))) throw new Error(`${holder} did not get a new job`);
      return job;
    }

    /** What anybody could take now. They are given back by a time of zero, and count as held from then on. */
    async function takeable(): Promise<string[]> {
      return (await elsewhere.take('prober', 0, ALL)).map(({ generation }) => generation);
    }

    async function stageOf(job: Job): Promise<JobStage> {
      if ((await takeable()).includes(job.generation)) return 'prompted';
      return (await elsewhere.hold(job, 'prober', 0)) ? 'requested' : 'ended';
    }

    describe('the oldest job that waits', () => {
      it('is counted from when it came due, and only while nobody holds it', async () => {
        expect(await work.oldestWaitingMs()).toBe(0);
        await jobIn('requested');
        await jobHeldBy('one');
        expect(await work.oldestWaitingMs()).toBe(0);
        const job = await jobIn('prompted');
        await until(async () => (await elsewhere.oldestWaitingMs()) > 5);
        const before = await work.oldestWaitingMs();
        await jobIn('prompted');
        expect(await work.oldestWaitingMs()).toBeGreaterThanOrEqual(before);
        await work.take('two', LONG_MS, ALL);
        expect(await work.oldestWaitingMs()).toBe(0);
        await work.record(job, 'ended');
        expect(await work.oldestWaitingMs()).toBe(0);
      });

      it('keeps its age when holders release it, whether it pauses or can be taken', async () => {
        const job = await jobIn('prompted');
        let before = 0;
        for (const pauseMs of [0, LONG_MS, LONG_MS, 0]) {
          await until(async () => (await elsewhere.oldestWaitingMs()) > before + 20);
          before = await work.oldestWaitingMs();
          await work.hold(job, 'one', LONG_MS);
          expect(await work.oldestWaitingMs()).toBe(0);
          await work.release('one', job.generation, pauseMs);
          expect(await elsewhere.oldestWaitingMs()).toBeGreaterThanOrEqual(before);
        }
        await work.record(job, 'ended');
        expect(await work.oldestWaitingMs()).toBe(0);
      });

      it('is not one that is left alone after it was recorded', async () => {
        await work.record(newJob(), 'prompted', LONG_MS);
        expect(await work.oldestWaitingMs()).toBe(0);
      });

      it('waits again when the time of its holder has run out', async () => {
        await jobHeldBy('one', 0);
        await until(async () => (await work.oldestWaitingMs()) > 0);
      });
    });

    describe('find', () => {
      it('knows nothing of a generation that was never recorded', async () => {
        expect(await work.find(randomUUID())).toBeUndefined();
      });

      it.each(STAGES)('tells where one that is %s belongs, from everywhere', async (stage) => {
        const job = await jobIn(stage);
        expect(await work.find(job.generation)).toEqual(job);
        expect(await elsewhere.find(job.generation)).toEqual(job);
      });

      it('tells where one belongs that was held before it was recorded', async () => {
        const job = await jobHeldBy('a');
        expect(await elsewhere.find(job.generation)).toEqual(job);
      });

      it('tells of one that is nobody’s', async () => {
        const job = await jobIn('prompted', { owner: null });
        expect(await elsewhere.find(job.generation)).toEqual(job);
      });

      it('tells what was said first of where one belongs', async () => {
        const job = await jobIn('requested');
        const other = newJob({ generation: job.generation });
        await elsewhere.record(other, 'prompted');
        await elsewhere.hold(other, 'a', 0);
        expect(await work.find(job.generation)).toEqual(job);
        expect(await work.take('a', LONG_MS, ALL)).toEqual([{ ...job, wasHeld: true }]);
      });
    });

    describe('record', () => {
      it('leaves the furthest stage standing, in whatever order, however often, and at once or not', async () => {
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

      it.each(['requested', 'prompted'] as const)('of %s leaves a job with its holder', async (stage) => {
        const job = await jobHeldBy('a');
        await elsewhere.record(job, stage);
        expect(await takeable()).toEqual([]);
        expect(await work.renew('a', [job.generation], LONG_MS)).toEqual([job.generation]);
      });

      it('may leave a new job alone for a while, and only a new one', async () => {
        const [job, known] = [newJob(), await jobIn('prompted')];
        expect(await work.record(job, 'prompted', LONG_MS)).toBe(true);
        expect(await elsewhere.record(job, 'prompted')).toBe(true);
        expect(await work.record(known, 'prompted', LONG_MS)).toBe(false);
        expect(await takeable()).toEqual([known.generation]);
        expect(await work.hold(job, 'a', 0)).toBe(true);
        expect((await takeable()).sort()).toEqual([job, known].map(({ generation }) => generation).sort());
      });

      it('tells whether somebody has to look at a job now', async () => {
        const [held, ended] = [await jobHeldBy('a'), await jobIn('ended')];
        expect(await elsewhere.record(held, 'prompted')).toBe(true);
        expect(await work.record(ended, 'prompted')).toBe(true);
        await work.release('a', held.generation, 0);
        expect(await elsewhere.record(held, 'prompted')).toBe(false);
        expect(await work.record(held, 'ended')).toBe(true);
      });

      it('leaves a job alone no longer than it was told to', async () => {
        const job = newJob();
        await work.record(job, 'prompted', 50);
        await until(async () => (await takeable()).includes(job.generation));
      });

      it('of a prompt lets a job that was asked for before be taken at once', async () => {
        const job = await jobIn('requested');
        expect(await work.record(job, 'prompted', LONG_MS)).toBe(false);
        expect(await takeable()).toEqual([job.generation]);
      });

      it('of the end takes a job from everybody, for good', async () => {
        const job = await jobHeldBy('a');
        await elsewhere.record(job, 'ended');
        expect(await work.renew('a', [job.generation], LONG_MS)).toEqual([]);
        expect(await work.hold(job, 'a', LONG_MS)).toBe(false);
        await work.release('a', job.generation, 0);
        await work.record(job, 'prompted');
        expect(await takeable()).toEqual([]);
        expect(await elsewhere.hold(job, 'b', LONG_MS)).toBe(false);
      });
    });

    describe('take', () => {
      it('finds nothing where nothing is prompted', async () => {
        await jobIn('requested');
        await jobIn('ended');
        expect(await work.take('a', LONG_MS, ALL)).toEqual([]);
      });

      it('gives a prompted job to one, and to nobody else', async () => {
        const job = await jobIn('prompted');
        expect(await work.take('a', LONG_MS, ALL)).toEqual([{ ...job, wasHeld: false }]);
        expect(await elsewhere.take('b', LONG_MS, ALL)).toEqual([]);
        expect(await work.take('a', LONG_MS, ALL)).toEqual([]);
        expect(await elsewhere.hold(job, 'b', LONG_MS)).toBe(false);
        expect(await work.renew('a', [job.generation], LONG_MS)).toEqual([job.generation]);
      });

      it('gives those that wait longest first, and no more than asked for', async () => {
        const waiting = [await jobIn('requested'), await jobIn('prompted'), await jobIn('prompted')];
        await work.record(waiting[0] as Job, 'prompted');
        const rounds = [await work.take('a', LONG_MS, 2), await elsewhere.take('b', LONG_MS, 2)];
        expect(rounds.map((round) => round.length)).toEqual([2, 1]);
        expect(rounds.flat()).toEqual(waiting.map((job) => ({ ...job, wasHeld: false })));
      });

      it('gives each job once, to whichever of many that ask at once', async () => {
        const tenant = randomUUID();
        const waiting = await Promise.all(
          Array.from({ length: 60 }, (_, nth) => jobIn('prompted', { tenant, owner: `${nth % 3}` })),
        );
        const asked = Array.from({ length: 12 }, (_, nth) =>
          (nth % 2 === 0 ? work : elsewhere).take(`holder-${nth}`, LONG_MS, 7),
        );
        const rounds = [...(await Promise.all(asked)), await work.take('rest', LONG_MS, ALL)];
        const taken = rounds.flat().map(({ generation }) => generation);
        expect(taken.toSorted()).toEqual(waiting.map(({ generation }) => generation).toSorted());
      });

      it('gives no job that another holds at the same moment', async () => {
        for (let round = 0; round < 20; round++) {
          const job = await jobIn('prompted');
          const [held, taken] = await Promise.all([work.hold(job, 'a', LONG_MS), elsewhere.take('b', LONG_MS, ALL)]);
          expect(taken).toHaveLength(held ? 0 : 1);
        }
      });

      it('gives a job to another when its time has run out, and not before', async () => {
        const durationMs = 300;
        const heldAt = performance.now();
        const job = await jobHeldBy('a', durationMs);
        let taken = await elsewhere.take('b', LONG_MS, ALL);
        await until(async () => {
          if (taken.length === 0) taken = await elsewhere.take('b', LONG_MS, ALL);
          return taken.length > 0;
        });
        // The store's clock and this one may tick apart a little.
        expect(performance.now() - heldAt).toBeGreaterThan(durationMs - 20);
        expect(taken).toEqual([{ ...job, wasHeld: true }]);
        expect(await work.renew('a', [job.generation], 0)).toEqual([]);
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
        return (await work.take('a', LONG_MS, jobsMax)).map(({ generation }) => generation);
      }

      it('lets nobody wait for the flood of another', async () => {
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

      it('gives first to those of whom fewest are held', async () => {
        const adas = await waiting(2, { owner: 'ada' });
        for (let nth = 0; nth < 2; nth++) await jobHeldBy('a', LONG_MS, { tenant, owner: 'ada' });
        const bobs = await waiting(3, { owner: 'bob' });
        expect(await taken(3)).toEqual([bobs[0], bobs[1], adas[0]]);
        expect(await taken()).toEqual([bobs[2], adas[1]]);
      });

      it('counts no job as held whose time has run out, that was given back or has ended', async () => {
        await work.record(await jobHeldBy('a', LONG_MS, { tenant, owner: 'ada' }), 'ended');
        const expired = await jobHeldBy('a', 0, { tenant, owner: 'ada' });
        const paused = await jobHeldBy('a', LONG_MS, { tenant, owner: 'ada' });
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

      it('takes those that are nobody’s for those of one owner of their tenant', async () => {
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

      it('takes an owner for another one in another tenant', async () => {
        const here = await waiting(2, { owner: 'ada' });
        const [there] = await waiting(1, { owner: 'ada', tenant: randomUUID() });
        expect(await taken()).toEqual([here[0], there, here[1]]);
      });
    });

    describe('hold', () => {
      it.each(['requested', 'prompted'] as const)('gives a job that is %s to who asks', async (stage) => {
        const job = await jobIn(stage);
        expect(await work.hold(job, 'a', LONG_MS)).toBe(true);
        expect(await elsewhere.hold(job, 'b', LONG_MS)).toBe(false);
        expect(await takeable()).toEqual([]);
      });

      it('makes a job prompted: once its time has run out, anybody may take it', async () => {
        const job = await jobIn('requested');
        await work.hold(job, 'a', 0);
        expect(await elsewhere.take('b', LONG_MS, ALL)).toEqual([{ ...job, wasHeld: true }]);
      });

      it('lasts as long as its holder asked for last', async () => {
        const job = await jobHeldBy('a');
        expect(await elsewhere.hold(job, 'a', 0)).toBe(true);
        expect(await takeable()).toEqual([job.generation]);
        expect(await work.hold(job, 'a', LONG_MS)).toBe(true);
        expect(await takeable()).toEqual([]);
      });

      it('is given to one of ten that ask at once for a job nobody has heard of', async () => {
        const job = newJob();
        const asked = Array.from({ length: 10 }, (_, nth) =>
          (nth % 2 === 0 ? work : elsewhere).hold(job, `holder-${nth}`, LONG_MS),
        );
        expect((await Promise.all(asked)).filter((held) => held)).toHaveLength(1);
      });
    });

    describe('renew', () => {
      it('answers with those that are still the holder’s, and only those', async () => {
        const held = [await jobHeldBy('a'), await jobHeldBy('a')];
        const released = await jobHeldBy('a');
        await work.release('a', released.generation, LONG_MS);
        const ended = await jobHeldBy('a');
        await work.record(ended, 'ended');
        const others = [await jobHeldBy('b'), await jobHeldBy('a', 0), await jobIn('prompted'), released, ended];
        const asked = [...others, ...held, ...held].map(({ generation }) => generation);
        const renewed = await work.renew('a', [...asked, randomUUID()], LONG_MS);
        expect(renewed.toSorted()).toEqual(held.map(({ generation }) => generation).toSorted());
      });

      it('answers with nothing for nothing', async () => {
        await jobHeldBy('a');
        expect(await work.renew('a', [], LONG_MS)).toEqual([]);
      });

      it('makes a job last as long as it was last renewed for', async () => {
        const [job, measure] = [await jobHeldBy('a', 1_000), await jobHeldBy('a', 1_000)];
        expect(await elsewhere.renew('a', [job.generation], LONG_MS)).toEqual([job.generation]);
        await until(async () => (await takeable()).includes(measure.generation));
        expect(await takeable()).toEqual([measure.generation]);
        expect(await work.renew('a', [job.generation], 0)).toEqual([job.generation]);
        expect(await takeable()).toContain(job.generation);
      });

      it('does nothing once another has the job', async () => {
        const job = await jobHeldBy('a', 0);
        await elsewhere.take('b', LONG_MS, ALL);
        expect(await work.renew('a', [job.generation], 0)).toEqual([]);
        expect(await takeable()).toEqual([]);
        expect(await elsewhere.renew('b', [job.generation], LONG_MS)).toEqual([job.generation]);
      });

      it('does nothing once the time has run out, even while nobody else has the job: it has to be held anew', async () => {
        const job = await jobHeldBy('a', 0);
        expect(await work.renew('a', [job.generation], LONG_MS)).toEqual([]);
        expect(await work.hold(job, 'a', LONG_MS)).toBe(true);
        expect(await work.renew('a', [job.generation], LONG_MS)).toEqual([job.generation]);
      });
    });

    describe('release', () => {
      it('lets anybody take the job at once where no pause is asked for', async () => {
        const job = await jobHeldBy('a');
        await work.release('a', job.generation, 0);
        expect(await elsewhere.take('b', LONG_MS, ALL)).toEqual([{ ...job, wasHeld: true }]);
      });

      it('lets nobody take the job before the pause is over', async () => {
        const job = await jobHeldBy('a');
        const pauseMs = 300;
        const releasedAt = performance.now();
        await work.release('a', job.generation, pauseMs);
        await until(async () => (await takeable()).includes(job.generation));
        expect(performance.now() - releasedAt).toBeGreaterThan(pauseMs - 20);
      });

      it('puts a job behind those that wait already', async () => {
        const [released, waiting] = [await jobHeldBy('a'), await jobIn('prompted')];
        await work.release('a', released.generation, 0);
        expect(await takeable()).toEqual([waiting.generation, released.generation]);
      });

      it('does not bind who holds the job itself: that ends the pause', async () => {
        const job = await jobHeldBy('a');
        await work.release('a', job.generation, LONG_MS);
        expect(await elsewhere.hold(job, 'b', 0)).toBe(true);
        expect(await takeable()).toEqual([job.generation]);
      });

      it('changes nothing when another holds the job, or nobody ever did', async () => {
        const [lost, free] = [await jobHeldBy('a', 0), await jobIn('prompted')];
        await elsewhere.hold(lost, 'b', LONG_MS);
        for (const { generation } of [lost, free]) await work.release('a', generation, LONG_MS);
        expect(await elsewhere.renew('b', [lost.generation], LONG_MS)).toEqual([lost.generation]);
        expect(await work.take('c', LONG_MS, ALL)).toEqual([{ ...free, wasHeld: false }]);
      });
    });

    describe('returnUnbegun', () => {
      it('leaves the job as if it had not been taken, so no worker seems to have stopped at it', async () => {
        const [fresh, left] = [await jobIn('prompted'), await jobHeldBy('a')];
        await work.release('a', left.generation, 0);
        const taken = await work.take('b', LONG_MS, ALL);
        for (const job of taken) await work.returnUnbegun('b', job);
        expect(await elsewhere.take('c', LONG_MS, ALL)).toEqual(taken);
        expect(taken).toEqual([
          { ...fresh, wasHeld: false },
          { ...left, wasHeld: true },
        ]);
      });

      it('changes nothing when another holds the job', async () => {
        const job = await jobIn('prompted');
        const [taken] = await work.take('a', 0, ALL);
        await elsewhere.hold(job, 'b', LONG_MS);
        await work.returnUnbegun('a', taken as TakenJob);
        expect(await elsewhere.renew('b', [job.generation], LONG_MS)).toEqual([job.generation]);
      });
    });
  });
}
