import { describe, expect, it } from '@jest/globals';
import { explained, simulate } from '../support/simulation/simulate.js';

/** `npm run simulate` takes more of them. */
const seeds = Number(process.env.TEST_SEEDS || '500');
const first = Number(process.env.TEST_FIRST_SEED || '1');

/** About one in 55 meets two workers that seal one tape, the first of which loses its answer. */
const SEEDS_THAT_MEET_EVERYTHING = 500;

describe('the turn side of two processes, with a drawn order of everything', () => {
  it(
    `keeps every promise for ${seeds} seeds from ${first} on`,
    async () => {
      let contestedSeals = 0;
      for (let seed = first; seed < first + seeds; seed++) {
        const { breaches, ...met } = await simulate(seed);
        if (breaches.length > 0) throw new Error(await explained(seed));
        contestedSeals += met.contestedSeals;
      }
      if (seeds >= SEEDS_THAT_MEET_EVERYTHING) expect(contestedSeals).toBeGreaterThan(0);
    },
    60_000 + seeds * 1_000,
  );

  it('keeps every promise also when the work table records workers late', async () => {
    const plant = { work: { hold: async () => {} } };
    for (let seed = first; seed < first + seeds / 10; seed++) {
      const { breaches } = await simulate(seed, { plant });
      if (breaches.length > 0) throw new Error(await explained(seed, plant));
    }
  }, 60_000);

  it('runs the same for the same seed', async () => {
    const [one, other] = [await simulate(7, { isTraced: true }), await simulate(7, { isTraced: true })];
    expect(one.trace.length).toBeGreaterThan(100);
    expect(one).toEqual(other);
  });
});
