import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { keepsEveryPromise } from '../support/crash-through.js';
import { BEFORE_THE_ANSWER, IN_THE_ANSWER, IN_THE_VIEWS } from '../support/failpoints.js';
import { TurnGround } from '../support/turn-ground.js';

describe('a process killed wherever it can be', () => {
  let ground: TurnGround;
  beforeAll(async () => {
    ground = await TurnGround.prepare();
  });
  afterAll(() => ground.clear());

  it('keeps every promise when it dies of each kind of death once, all in one log', async () => {
    const deaths = [...BEFORE_THE_ANSWER, ...IN_THE_ANSWER, ...IN_THE_VIEWS].map((failpoint) => ({
      failpoint,
      hit: 1,
    }));
    await keepsEveryPromise(ground, deaths);
    // A death takes seconds beside other work, and there are many.
  }, 240_000);
});
