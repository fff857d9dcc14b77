import { seeded } from '../seeded.js';

/**
 * Every decision of a simulated run, drawn from its seed. 0 is always the quiet choice: the oldest step first, nothing
 * fails, nobody dies. From `quietAfter` on every choice is the quiet one, so a failing run can be shortened to the draws
 * that it needs.
 */
export class Draws {
  count = 0;
  private readonly random: () => number;

  constructor(
    seed: number,
    private readonly quietAfter = Number.POSITIVE_INFINITY,
  ) {
    this.random = seeded(seed);
  }

  /** A whole number from 0 to below `choices`. */
  of(choices: number): number {
    this.count += 1;
    const drawn = Math.floor(this.random() * choices);
    return this.count > this.quietAfter ? 0 : drawn;
  }

  /** True once in so many times. */
  oneIn(many: number): boolean {
    return this.of(many) === many - 1;
  }
}
