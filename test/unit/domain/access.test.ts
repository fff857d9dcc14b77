import { describe, expect, it } from '@jest/globals';
import { isPurpose } from '../../../src/domain/access.js';

describe('a purpose', () => {
  it('holds every character but control and format characters and separators of lines and paragraphs', () => {
    const points = Array.from({ length: 0x11_0000 }, (_, point) => point).filter(
      (point) => point < 0xd8_00 || point > 0xdf_ff,
    );
    const wrong = points.filter((point) => {
      const character = String.fromCodePoint(point);
      return isPurpose(`case ${character}17`) === /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(character);
    });
    expect(wrong.map((point) => point.toString(16))).toEqual([]);
  });
});
