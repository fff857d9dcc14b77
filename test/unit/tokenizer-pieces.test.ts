import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { countSlice, slicesOf } from '../../src/adapters/tokenizer/gpt-token-counter.js';
import { exactCounter, piecesOf } from '../support/exact-tokens.js';
import { onlyUsually, usually } from '../support/extent.js';

/** Each alphabet holds the characters of one kind only, so that a class of characters that forgets a kind is found. */
const alphabets = {
  'Latin letters': 'apzéßLMN',
  'Greek and Cyrillic letters': 'αωЖяЩ',
  'Hebrew and Arabic letters': 'אשبم',
  'letters of India and Thailand': 'कमதกข',
  'letters without case': '中文語日本한글かナ',
  'letters beyond the first plane': '𝒜𠀀𐐷',
  'titlecase and modifier letters': 'ǅʰˠ',
  marks: '\u0301\u0308\u0e31\u093f\u20dd',
  'letters with marks': 'a\u0301कि',
  signs: '=-.,;:!?@#$%^&*()[]{}+~|<>"`_',
  'signs beyond ASCII': '…—«»€©、。￥',
  emoji: '😀🎉🏳\ufe0f\u200d',
  'control characters': '\u0001\u007f',
  'private and unassigned characters': '\ue000\u0378',
  'halves of surrogate pairs': '\ud83d',
  slashes: '/',
  'signs with slashes': '=/',
  'line breaks': '\n\r',
  'line feeds with slashes': '\n/',
  'carriage returns with slashes': '\r/',
  blanks: ' \t\u00a0\u2003\u3000',
  'blanks with line breaks': ' \n\t',
};

const digits = '0179٣५²Ⅷ';
const all = Object.values(alphabets).join('') + digits;
const characters = (text: string) => [...new Set(text)];
const textOf = (alphabet: string, size: { minLength: number; maxLength: number }) =>
  fc
    .array(fc.constantFrom(...characters(alphabet)), { minLength: 1, maxLength: 4 })
    .chain((few) => fc.array(fc.constantFrom(...few), size))
    .map((drawn) => drawn.join(''));

const encodings = ['o200k_base', 'cl100k_base'] as const;

/** A run is cut after 128 characters, and an encoding joins at most one character before it and a contraction after it. */
const PIECE_CHARACTERS_MAX = 2 * 128 + 4;

const longestPiece = (encoding: (typeof encodings)[number], slice: string): number => {
  let longest = 0;
  countSlice(slice, (text) => {
    for (const piece of piecesOf(encoding, text)) longest = Math.max(longest, piece.length);
    return 1;
  });
  return longest;
};

describe.each(encodings)('what %s merges of a slice', (encoding) => {
  onlyUsually(() => {
    it.each(Object.entries(alphabets))('has short pieces only when the slice has only %s', (_, alphabet) => {
      fc.assert(
        fc.property(textOf(alphabet, { minLength: 300, maxLength: 2_000 }), (slice) => {
          expect(longestPiece(encoding, slice)).toBeLessThanOrEqual(PIECE_CHARACTERS_MAX);
        }),
        { numRuns: 20 },
      );
      for (const one of characters(alphabet)) {
        const slice = one.repeat(Math.floor(2_000 / one.length));
        expect([one, longestPiece(encoding, slice) <= PIECE_CHARACTERS_MAX]).toEqual([one, true]);
      }
    });
  });

  it('has short pieces only when the slice mixes all kinds', () => {
    fc.assert(
      fc.property(textOf(all, { minLength: 300, maxLength: 2_000 }), (slice) => {
        expect(longestPiece(encoding, slice)).toBeLessThanOrEqual(PIECE_CHARACTERS_MAX);
      }),
      { numRuns: usually(100, 300) },
    );
  });
});

describe.each(encodings)('the slices of a text for %s', (encoding) => {
  const exact = exactCounter(encoding);

  it('have the same count together as the whole text, when it has no long runs', () => {
    const words = fc.array(textOf(all, { minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 8 });
    // A letter and a sign end each run; where an encoding splits apart from them is up to what was drawn.
    const texts = words.map((few) => few.map((word) => `${word}a.`).join(''));
    fc.assert(
      fc.property(texts, (text) => {
        const whole = text.repeat(Math.ceil(5_000 / text.length));
        expect([...slicesOf(whole)].join('')).toBe(whole);
        const tokens = [...slicesOf(whole)].reduce((sum, slice) => sum + exact(slice), 0);
        expect(tokens).toBe(exact(whole));
      }),
      { numRuns: usually(15, 40) },
    );
  });
});

onlyUsually(() => {
  describe.each(encodings)('a slice with short runs only', (encoding) => {
    const exact = exactCounter(encoding);

    it.each([
      '= ',
      '=\n',
      '=\r',
      '=/a',
      'a ',
      'a=',
      'a1',
      '1=',
      '中 ',
      'a\u0301 ',
      '=\u0301 ',
      '😀\t',
      "a'",
      'a\r\n',
      '/\t',
    ])('is counted whole and exactly when it is many times %j', (text) => {
      const slice = text.repeat(Math.floor(2_000 / text.length));
      const counted: string[] = [];
      const tokens = countSlice(slice, (part) => {
        counted.push(part);
        return exact(part);
      });
      expect([counted, tokens]).toEqual([[slice], exact(slice)]);
    });

    it.each([
      'people write ',
      ';\r\n a',
      '.\n a',
      ';\n\n a',
      'a b=c ',
      `ab. ${'कि'.repeat(20)}`,
      `ab. ${'ab1'.repeat(20)}`,
      "it's. ",
      `ab. ${'ที่'.repeat(9)}`,
    ])('ends where the encoding splits when a text is many times %j', (piece) => {
      // So a slice ends once at each place of the piece.
      for (let before = 0; before < piece.length; before++) {
        const text = `${'x'.repeat(before)} ${piece.repeat(Math.ceil(5_000 / piece.length))}`;
        const pieces = [...slicesOf(text)].flatMap((slice) => piecesOf(encoding, slice));
        expect([before, pieces]).toEqual([before, piecesOf(encoding, text)]);
      }
    });
  });
});

onlyUsually(() => {
  describe('the slices of a text', () => {
    it('do not cut a surrogate pair, and each is short', () => {
      fc.assert(
        fc.property(textOf('😀🎉𠀀a', { minLength: 3_000, maxLength: 6_000 }), (text) => {
          for (const slice of slicesOf(text)) {
            expect(slice.isWellFormed()).toBe(true);
            expect(slice.length).toBeLessThanOrEqual(2_048);
          }
        }),
        { numRuns: 50 },
      );
    });
  });
});
