import fc from 'fast-check';

const SURROGATES_FROM = 0xd800;
const SURROGATES = 0x800;
const CHARACTERS = 0x110000 - SURROGATES;

/**
 * Any character of Unicode, for `fc.string({ unit })`. The unit that fast-check has for it ('binary') draws the same,
 * but fills a table with all of them first, which takes longer than most tests.
 */
export const anyCharacter: fc.Arbitrary<string> = fc.nat({ max: CHARACTERS - 1 }).map(
  (nth) => String.fromCodePoint(nth < SURROGATES_FROM ? nth : nth + SURROGATES),
  (character) => nthOf(character),
);

/** Where it stands among all of them: fast-check asks which of the texts that often break something it may draw. */
function nthOf(character: unknown): number {
  const point = typeof character === 'string' ? character.codePointAt(0) : undefined;
  if (point === undefined || String.fromCodePoint(point) !== character) throw new Error('not one character');
  if (point >= SURROGATES_FROM && point < SURROGATES_FROM + SURROGATES) throw new Error('half of a character');
  return point < SURROGATES_FROM ? point : point - SURROGATES;
}
