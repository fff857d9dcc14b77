import { describe, expect, it } from '@jest/globals';
import {
  bigintOf,
  namedEvent,
  parsePosition,
  positionBack,
  positionOf,
  shownPosition,
} from '../../../src/adapters/postgres/position.js';
import { type Position, START } from '../../../src/events/envelope.js';

const EVENT = '01994a7e-5c00-7000-8000-000000000001';

describe('a position as a person types it', () => {
  it.each(['1', '0', '42', '9223372036854775807'])('%s is one, and is shown like that', (text) => {
    const position = parsePosition(text) ?? START;
    expect(position).toBe(positionOf(text));
    expect(shownPosition(position)).toBe(text);
  });

  it('may be the text that the API gives', () => {
    expect(parsePosition(positionOf('42'))).toBe(positionOf('42'));
    expect(parsePosition(positionOf('42', EVENT))).toBe(positionOf('42', EVENT));
  });

  it.each(['', '-1', '1.5', 'x', ' 1', '9223372036854775808', '10000000000000000000', '42/', '42/7'])(
    '"%s" is none',
    (text) => {
      expect(parsePosition(text)).toBeUndefined();
    },
  );
});

describe('a position with the id of its event', () => {
  it('is as far as the one without it, and names that event', () => {
    expect(bigintOf(positionOf('42', EVENT))).toBe(42n);
    expect(shownPosition(positionOf('42', EVENT))).toBe('42');
    expect(namedEvent(positionOf('42', EVENT))).toEqual({ place: 42n, id: EVENT });
    expect(namedEvent('no position' as Position)).toBeUndefined();
  });

  it('is after the one before it, and before the one after it', () => {
    const positions = [START, positionOf('7', EVENT), positionOf('8'), positionOf('8', EVENT), positionOf('10', EVENT)];
    expect([...positions].reverse().sort()).toEqual(positions);
  });
});

describe('a position before another', () => {
  it('is so many events away, and never before the start', () => {
    expect(bigintOf(positionBack(positionOf('42'), 2))).toBe(40n);
    expect(positionBack(positionOf('42'), 42)).toBe(START);
    expect(positionBack(positionOf('42'), 1_000)).toBe(START);
    expect(positionBack(START, 1)).toBe(START);
  });
});
