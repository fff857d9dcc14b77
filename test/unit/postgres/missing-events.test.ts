import { describe, expect, it } from '@jest/globals';
import { requireGapless } from '../../../src/adapters/postgres/missing-events.js';
import type { RecordedEvent } from '../../../src/events/envelope.js';
import { newDelta } from '../../support/new-events.js';

const STREAM = 'conversation-a';

const eventsAt = (...revisions: number[]): RecordedEvent[] =>
  revisions.map((revision) => ({ ...newDelta(), stream: STREAM, revision }));

const read = (direction: 'forwards' | 'backwards', from: number, revisions: number[], isAll = true) =>
  requireGapless(STREAM, direction, from, { events: eventsAt(...revisions), isAll });

describe('a page of a stream', () => {
  it.each([
    ['forwards', 0, [0, 1, 2], true],
    ['forwards', 5, [5], true],
    ['forwards', 2, [2, 3], false],
    ['backwards', 9, [9, 8, 7], false],
    ['backwards', 2, [2, 1, 0], true],
    ['backwards', 0, [0], true],
  ] as const)('read %s from %i is whole with the revisions %j', (direction, from, revisions, isAll) => {
    expect(() => read(direction, from, [...revisions], isAll)).not.toThrow();
  });

  it.each([
    ['forwards', 0, [4, 5], true, 0],
    ['forwards', 3, [4], false, 3],
    ['forwards', 0, [0, 1, 4], false, 2],
    ['backwards', 9, [9, 8, 5], false, 7],
    ['backwards', 9, [9, 8], true, 7],
    ['backwards', 9, [8, 7], false, 9],
    ['forwards', 3, [], true, 3],
    ['backwards', 7, [], true, 7],
  ] as const)('read %s from %i lacks an event when it has %j', (direction, from, revisions, isAll, missing) => {
    expect(() => read(direction, from, [...revisions], isAll)).toThrow(
      `the log lacks event ${missing} of ${STREAM}: the partition that holds it is not attached, or it was deleted`,
    );
  });
});
