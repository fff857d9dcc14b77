import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Hints } from '../../src/ports/hints.js';
import { until } from '../support/until.js';

export interface HintsOfTwoProcesses {
  readonly one: Hints;
  readonly other: Hints;
  destroy(): Promise<void>;
}

export function hintsContract(engine: string, prepare: () => Promise<HintsOfTwoProcesses>): void {
  describe(`hints of ${engine}`, () => {
    let hints: HintsOfTwoProcesses;
    beforeAll(async () => {
      hints = await prepare();
    });
    afterAll(() => hints.destroy());

    /** A hint may be lost, so it is sent until it arrives. */
    async function arrives(hint: string, isHere: () => boolean): Promise<void> {
      await until(() => {
        if (!isHere()) hints.one.send(hint);
        return isHere();
      });
    }

    it('reach the listeners of all processes, the sender included', async () => {
      const heard = new Set<string>();
      const ends = [
        hints.one.listen('it’s "quoted" \\', () => heard.add('one')),
        hints.other.listen('it’s "quoted" \\', () => heard.add('other')),
      ];
      await arrives('it’s "quoted" \\', () => heard.size === 2);
      for (const end of ends) end();
    });

    it('reach no listener of another hint, and no listener that has ended', async () => {
      let wrong = 0;
      let right = 0;
      const count = () => {
        wrong += 1;
      };
      const endOfOther = hints.other.listen('another hint', count);
      hints.other.listen('this hint', count)();
      const end = hints.other.listen('this hint', () => {
        right += 1;
      });
      await arrives('this hint', () => right > 0);
      expect(wrong).toBe(0);
      endOfOther();
      end();
    });
  });
}
