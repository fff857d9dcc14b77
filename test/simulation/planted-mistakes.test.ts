import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { NewEvent } from '../../src/events/envelope.js';
import type { CommandPlaces } from '../../src/ports/command-places.js';
import type { CommandPlace } from '../../src/ports/event-log.js';
import type { KeptFold, KeptFoldStore } from '../../src/ports/kept-folds.js';
import { onlyUsually, usually } from '../support/extent.js';
import { MemoryKeptFolds } from '../support/memory/memory-kept-folds.js';
import { explained, simulate } from '../support/simulation/simulate.js';
import type { Plant } from '../support/simulation/world.js';

const SEEDS_MAX = 300;

const plants: Record<string, Plant> = {
  'a tape takes the write of a worker that was replaced': {
    async append(log, stream, expected, events, options) {
      const outcome = await log.append(stream, expected, events, options);
      const isFenced = outcome.outcome === 'conflict' && stream.startsWith('generation-');
      return isFenced ? log.append(stream, outcome.revision, events) : outcome;
    },
  },
  'a generation is finalized twice': {
    async append(log, stream, expected, events, options) {
      const outcome = await log.append(stream, expected, events, options);
      const ends = events.filter(({ type }) => type === 'GenerationFinalized');
      if (outcome.outcome !== 'appended' || ends.length === 0) return outcome;
      return log.append(stream, outcome.revision, ends.map(withNewId));
    },
  },
  'a tape repeats a write with new ids': {
    async append(log, stream, expected, events, options) {
      const isTape = stream.startsWith('generation-');
      return log.append(stream, expected, isTape ? events.map(withNewId) : events, options);
    },
  },
  'an append that is there already counts as not written': {
    async append(log, stream, expected, events, options) {
      const outcome = await log.append(stream, expected, events, options);
      return outcome.outcome === 'already-there' ? { outcome: 'conflict', revision: outcome.revision } : outcome;
    },
  },
  'commands are forgotten': {
    append: (log, stream, expected, events, { user }) => log.append(stream, expected, events, { user }),
    findCommand: async () => undefined,
    places: () => ({ claim: async (_, place) => ({ ...place, isNew: true }), find: async () => undefined }),
  },
  'the place of a command moves': { places: movingPlaces },
  'a kept fold ends earlier than it says': { keptFolds: outdatedFolds },
  'a delta is shown before its commit': { showsBeforeCommit: true },
  'a worker is renewed in words only': { work: { renew: async () => true } },
  'every worker is taken for dead': { work: { isAlive: async () => false } },
  'a dead worker is taken for alive': { work: { isAlive: async () => true } },
};

function withNewId(event: NewEvent): NewEvent {
  return { ...event, id: randomUUID() };
}

/** A command has the place where it was tried last. */
function movingPlaces(): CommandPlaces {
  const places = new Map<string, CommandPlace>();
  return {
    async claim(command, place) {
      const isNew = places.get(command)?.stream !== place.stream;
      if (isNew) places.set(command, place);
      return { ...(places.get(command) ?? place), isNew };
    },
    find: async (command) => places.get(command),
  };
}

/** Of each stream, the first fold under the last event of the latest one. */
function outdatedFolds(): KeptFoldStore {
  const store = new MemoryKeptFolds();
  const first = new Map<string, Buffer>();
  return Object.assign(store, {
    async keep(fold: KeptFold) {
      const bytes = first.get(fold.stream) ?? fold.bytes;
      first.set(fold.stream, bytes);
      store.rows.set(fold.stream, { ...fold, bytes });
    },
  });
}

/** The first seed that finds it. */
async function found(plant: Plant): Promise<number> {
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    if ((await simulate(seed, { plant })).breaches.length > 0) return seed;
  }
  throw new Error(`${SEEDS_MAX} seeds did not find it`);
}

describe('the simulation finds a planted mistake:', () => {
  onlyUsually(() =>
    it.each(Object.entries(plants))(
      '%s',
      async (_, plant) => {
        expect(await found(plant)).toBeGreaterThan(0);
      },
      120_000,
    ),
  );

  it.each(usually(['a generation is finalized twice'], Object.keys(plants)))(
    'and explains it in steps that a person can read: %s',
    async (name) => {
      const plant = plants[name] as Plant;
      const seed = await found(plant);
      // What failed once fails again.
      const explanation = await explained(seed, plant);
      expect(explanation).toContain(`seed ${seed}, quiet after`);
      expect(explanation).toContain('Its last steps:');
    },
    120_000,
  );
});
