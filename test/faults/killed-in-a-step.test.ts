import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { keepsEveryPromise, THREE_DEATHS_MS, threeTimes } from '../support/crash-through.js';
import { IN_THE_VIEWS } from '../support/failpoints.js';
import { TurnGround } from '../support/turn-ground.js';

describe('a process killed while it writes a read model', () => {
  let ground: TurnGround;
  beforeAll(async () => {
    ground = await TurnGround.prepare();
  });
  afterAll(() => ground.clear());

  it.each(IN_THE_VIEWS)(
    'keeps every promise when it dies at its first, second and third %s',
    async (failpoint) => {
      await keepsEveryPromise(ground, threeTimes(failpoint));
    },
    THREE_DEATHS_MS,
  );
});
