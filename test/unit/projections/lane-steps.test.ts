import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import { limits } from '../../../src/limits.js';
import { FairShare } from '../../../src/ownership/fair-share.js';
import { Advances } from '../../../src/projections/advances.js';
import type { Projection } from '../../../src/projections/projection.js';
import { ProjectionLane } from '../../../src/projections/projection-lane.js';
import { everFasterCodec } from '../../support/late-codec.js';
import { ManualClock } from '../../support/manual-clock.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import { MemoryHints } from '../../support/memory/memory-hints.js';
import { MemoryLeases } from '../../support/memory/memory-leases.js';
import { MemoryReadModels } from '../../support/memory/memory-read-models.js';
import { appendAtEnd, codec, newDelta, newDeltas, newStream } from '../../support/new-events.js';
import { RecordedHealth } from '../../support/recorded-health.js';
import { until } from '../../support/until.js';

const PAUSE_MS = limits.projectionPauseMs;

const viewNamed = (name: string): Projection => ({
  ...{ name, version: 1, tables: [], onPoison: 'stop', filter: { categories: ['generation'] } },
  ...{ touched: () => [], apply: () => {} },
});
const views = ['one', 'other'].map(viewNamed);

describe('live lanes of a process', () => {
  let clock: ManualClock;
  let log: MemoryEventLog;
  let advances: Advances;
  let hints: MemoryHints;
  let lanes: ProjectionLane[];
  /** At which moment which view had brought in how many events. */
  let steps: { readonly at: number; readonly view: string; readonly handled: number }[];

  beforeEach(async () => {
    clock = new ManualClock();
    log = new MemoryEventLog();
    hints = new MemoryHints();
    advances = new Advances(hints, clock);
    steps = [];
    const store = new MemoryReadModels();
    await store.prepare(views);
    const commit = store.commit.bind(store);
    store.commit = async (build, epoch, step) => {
      steps.push({ at: clock.monotonic(), view: build.projection, handled: step.handled });
      return commit(build, epoch, step);
    };
    const owner = {
      ...{
        leases: new MemoryLeases(clock),
        hints,
        clock,
        health: new RecordedHealth(),
        holder: 'node-1',
        leaseMs: 60_000,
      },
    };
    const share = new FairShare('views', owner);
    share.outOf(views.length);
    const parts = { ...owner, log, codec, store, share, advances, warn: () => {} };
    lanes = views.map((view) => new ProjectionLane(view, { projection: view.name, build: 1 }, parts));
    // The first step is the checkpoint of a lane that has come to the end of the log.
    await clock.pass(PAUSE_MS);
    steps = [];
  });
  afterEach(async () => {
    await Promise.all(lanes.map((lane) => lane.stop()));
  });

  const happen = async () => {
    await log.append(newStream(), 'none', [newDelta()]);
    await clock.pass(1);
  };

  it('apply events at the same moments, each lane in one step', async () => {
    await clock.pass(PAUSE_MS / 2);
    for (let nth = 0; nth < 3; nth++) await happen();
    expect(steps).toEqual([]);
    // A step has what had come when its pause began, and what comes meanwhile is the next one.
    await clock.pass(2 * PAUSE_MS);
    for (const { name } of views) {
      expect(steps.filter(({ view }) => view === name)).toEqual([
        { at: 2 * PAUSE_MS, view: name, handled: 1 },
        { at: 3 * PAUSE_MS, view: name, handled: 3 },
      ]);
    }
  });

  it('continue at once if a query waits, and only then', async () => {
    const endWish = advances.wish('one');
    const read = advances.next('one', new AbortController().signal);
    await happen();
    await read;
    endWish();
    expect(steps).toEqual([{ at: PAUSE_MS, view: 'one', handled: 1 }]);
    await clock.pass(PAUSE_MS);
    expect(steps[1]).toEqual({ at: 2 * PAUSE_MS, view: 'other', handled: 1 });
  });
});

describe('a lane whose codec answers late', () => {
  it('applies the events of a step in their order, and the steps one after the other', async () => {
    const [log, clock, hints, store] = [new MemoryEventLog(), systemClock, new MemoryHints(), new MemoryReadModels()];
    const applied: string[] = [];
    const noting: Projection = {
      ...viewNamed('one'),
      apply: (_, event) => void applied.push(event.type === 'DeltaReceived' ? event.data.text : event.type),
    };
    await store.prepare([noting]);
    const owner = { ...{ leases: new MemoryLeases(clock), hints, clock }, health: new RecordedHealth() };
    const held = { ...owner, holder: 'node-1', leaseMs: 60_000 };
    const share = new FairShare('views', held);
    share.outOf(1);
    const parts = { ...held, log, codec: everFasterCodec(), store, share, advances: new Advances(hints, clock) };
    const lane = new ProjectionLane(noting, { projection: 'one', build: 1 }, { ...parts, warn: () => {} });
    try {
      for (let nth = 0; nth < 4; nth++) {
        await appendAtEnd(log, 'generation-g1', newDeltas(3));
        await until(() => applied.length > 3 * nth);
      }
      await until(() => applied.length === 12);
    } finally {
      await lane.stop();
    }
    expect(applied).toEqual(Array.from({ length: 12 }, (_, nth) => String(nth % 3)));
  });
});
