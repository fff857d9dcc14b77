import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import type { Position } from '../../src/events/envelope.js';
import { limits } from '../../src/limits.js';
import { FairShare } from '../../src/ownership/fair-share.js';
import { SoleOwner } from '../../src/ownership/sole-owner.js';
import type { Clock } from '../../src/ports/clock.js';
import type { LivePage } from '../../src/ports/event-log.js';
import { Advances } from '../../src/projections/advances.js';
import { ProjectionLane } from '../../src/projections/projection-lane.js';
import { MemoryEventLog } from '../support/memory/memory-event-log.js';
import { MemoryHints } from '../support/memory/memory-hints.js';
import { MemoryLeases } from '../support/memory/memory-leases.js';
import { codec, newDelta } from '../support/new-events.js';
import { RecordedHealth } from '../support/recorded-health.js';

const STEPS = 100_000;
/** Before the first measurement: code is compiled, and maps have their size. */
const WARM_UP_STEPS = 5_000;
/** Seconds on an idle machine; the machine of a test run is not idle. */
const DEADLINE_MS = 300_000;
/** A signal that is kept costs 70 and more. */
const GROWTH_BYTES_MAX = 30 * STEPS;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

async function heapBytes(): Promise<number> {
  for (let nth = 0; nth < 3; nth++) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().heapUsed;
}

const LEASE_MS = 30;

/** Short pauses pass at once; what is slept in case of trouble lasts until it is aborted. */
const clock: Clock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: (milliseconds, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const end = () => {
        signal?.removeEventListener('abort', end);
        resolve();
      };
      signal?.addEventListener('abort', end);
      if (milliseconds < LEASE_MS || milliseconds === limits.projectionPauseMs) setImmediate(end);
    }),
};

const owner = () => ({
  ...{ leases: new MemoryLeases(clock), hints: new MemoryHints(), clock, health: new RecordedHealth() },
  ...{ holder: 'node-1', leaseMs: LEASE_MS },
});

/** Runs `steps` until it has counted as many as a soak has, and answers how much the heap has grown since the warm-up. */
async function growth(run: (count: () => Promise<boolean>) => Promise<void>): Promise<number> {
  let steps = 0;
  let before = 0;
  let after = 0;
  await run(async () => {
    steps += 1;
    if (steps === WARM_UP_STEPS) before = await heapBytes();
    if (steps < WARM_UP_STEPS + STEPS) return true;
    // While everything still runs: the end of a signal would free what depends on it.
    after = await heapBytes();
    return false;
  });
  return after - before;
}

describe(`the heap after ${STEPS}`, () => {
  it(
    'live steps of a lane is where it began',
    async () => {
      const build = { projection: 'none', build: 1 };
      const projection = {
        ...{
          name: 'none',
          version: 1,
          tables: [],
          filter: { categories: ['generation'] as const },
          onPoison: 'stop' as const,
        },
        ...{ touched: () => [], apply: () => {} },
      };
      const store = {
        open: async () => ({ position: '' as Position, handled: 0, parked: new Set<string>() }),
        load: async () => [],
        commit: async () => true,
        report: async () => {},
        toReplay: async () => [],
      };
      const delta = newDelta();
      const parts = owner();
      const share = new FairShare('none', parts);
      share.outOf(1);
      const grown = await growth(
        (count) =>
          new Promise((resolve) => {
            const log = new MemoryEventLog();
            log.subscribe = async function* pages(): AsyncIterable<LivePage> {
              for (let nth = 1; await count(); nth++) {
                const position = String(nth).padStart(20, '0') as Position;
                yield { events: [{ ...delta, stream: 'generation-1', revision: nth, position }], position, live: true };
              }
              resolve(running.stop());
            };
            const advances = new Advances(new MemoryHints(), clock);
            const running = new ProjectionLane(projection, build, {
              ...{ ...parts, log, codec, store, share, advances, warn: () => {} },
            });
          }),
      );
      expect(grown).toBeLessThan(GROWTH_BYTES_MAX);
    },
    DEADLINE_MS,
  );

  it(
    'leases, each renewed once, is where it began',
    async () => {
      const stopping = new AbortController();
      const grown = await growth(async (count) => {
        let renewed = () => {};
        const own = async () => {
          await new Promise<void>((resolve) => {
            renewed = resolve;
          });
          if (!(await count())) stopping.abort();
        };
        const onRenewed = async () => {
          renewed();
          return true;
        };
        await new SoleOwner({ name: 'work', own, onRenewed }, owner()).run(stopping.signal);
      });
      expect(grown).toBeLessThan(GROWTH_BYTES_MAX);
    },
    DEADLINE_MS,
  );
});
