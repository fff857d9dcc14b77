import { describe, expect, it } from '@jest/globals';
import { holdsEvent, requireSameLog } from '../../../src/adapters/postgres/held-event.js';
import { positionOf } from '../../../src/adapters/postgres/position.js';
import { Continuity, LogWentBack } from '../../../src/ports/continuity.js';
import { RetryableError } from '../../../src/ports/errors.js';

const ID = '01900000-0000-7000-8000-000000000001';
const position = positionOf('12', ID);

/** As the server answers: whether it has the event, and whether it is a standby; as the driver's booleans or as text. */
const answering =
  (...answer: unknown[]) =>
  async () => [answer];

describe('the newest event that a process has seen', () => {
  it.each([
    [[true, false], true],
    [['t', 't'], true],
    [[true, true], true],
    [[false, false], false],
    [['f', 'f'], false],
  ])('is held or not as the server says %j', async (answer, isHeld) => {
    expect(await holdsEvent(position, answering(...answer))).toBe(isHeld);
  });

  it.each([[[false, true]], [['f', 't']]])('is not known to be lost when a standby lacks it (%j)', async (answer) => {
    const continuity = new Continuity();
    continuity.see(position);
    const asked = requireSameLog(continuity, answering(...answer));
    await expect(asked).rejects.toThrow('the server is a standby, and behind its primary');
    await expect(asked).rejects.toBeInstanceOf(RetryableError);
    expect(continuity.isBroken).toBe(false);
  });

  it('is lost when a primary lacks it', async () => {
    const continuity = new Continuity();
    continuity.see(position);
    await expect(requireSameLog(continuity, answering(false, false))).rejects.toBeInstanceOf(LogWentBack);
    expect(continuity.isBroken).toBe(true);
  });
});
