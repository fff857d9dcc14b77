import { describe, expect, it } from '@jest/globals';
import {
  bigintOf,
  parsePosition,
  positionBack,
  positionOf,
  shownPosition,
} from '../../../src/adapters/postgres/position.js';
import { START } from '../../../src/events/envelope.js';

describe('a position as a person types it', () => {
  it.each(['1', '0', '42', '9223372036854775807'])('%s is one, and is shown like that', (text) => {
    const position = parsePosition(text) ?? START;
    expect(position).toBe(positionOf(text));
    expect(shownPosition(position)).toBe(text);
  });

  it('may be the text that the API gives', () => {
    expect(parsePosition(positionOf('42'))).toBe(positionOf('42'));
  });

  it.each(['', '-1', '1.5', 'x', ' 1', '9223372036854775808', '10000000000000000000'])('"%s" is none', (text) => {
    expect(parsePosition(text)).toBeUndefined();
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
