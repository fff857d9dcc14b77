import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { explained, simulate } from '../support/simulation/simulate.js';
import type { Plant } from '../support/simulation/world.js';

const SEEDS_MAX = 300;

const plants: Record<string, Plant> = {
  'a tape takes the write of a worker that was replaced': {
    async append(log, stream, expected, events) {
      const outcome = await log.append(stream, expected, events);
      const isFenced = outcome.outcome === 'conflict' && stream.startsWith('generation-');
      return isFenced ? log.append(stream, outcome.revision, events) : outcome;
    },
  },
  'a generation is finalized twice': {
    async append(log, stream, expected, events) {
      const outcome = await log.append(stream, expected, events);
      const ends = events.filter(({ type }) => type === 'GenerationFinalized');
      if (outcome.outcome !== 'appended' || ends.length === 0) return outcome;
      return log.append(
        stream,
        outcome.revision,
        ends.map((event) => ({ ...event, id: randomUUID() })),
      );
    },
  },
  'a delta is shown before its commit': { showsBeforeCommit: true },
  'a lease is renewed in words only': { renew: async (_, generations) => generations },
};

describe('the simulation finds a planted mistake:', () => {
  it.each(Object.entries(plants))(
    '%s',
    async (_, plant) => {
      for (let seed = 1; seed <= SEEDS_MAX; seed++) {
        const { breaches } = await simulate(seed, { plant });
        if (breaches.length === 0) continue;
        // What failed once fails again, and a person can read how.
        const explanation = await explained(seed, plant);
        expect(explanation).toContain(`seed ${seed}, quiet after`);
        expect(explanation).toContain('Its last steps:');
        return;
      }
      throw new Error(`${SEEDS_MAX} seeds did not find it`);
    },
    120_000,
  );
});
