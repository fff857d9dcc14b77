import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { keepsEveryPromise, THREE_DEATHS_MS, threeTimes } from '../support/crash-through.js';
import { IN_THE_ANSWER } from '../support/failpoints.js';
import { TurnGround } from '../support/turn-ground.js';

describe('a process killed in the answer of a turn', () => {
  let ground: TurnGround;
  beforeAll(async () => {
    ground = await TurnGround.prepare();
  });
  afterAll(() => ground.clear());

  it.each(IN_THE_ANSWER)(
    'keeps every promise when it dies at its first, second and third %s',
    async (failpoint) => {
      await keepsEveryPromise(ground, threeTimes(failpoint));
    },
    THREE_DEATHS_MS,
  );
});
