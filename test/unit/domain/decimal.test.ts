import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decimalOf, millionthOf, sumOf, textOf, times } from '../../../src/domain/prices.js';

/** Of two whole numbers, by which everything can be held against what schools teach. */
interface Fraction {
  readonly top: bigint;
  readonly bottom: bigint;
}

function fractionOf(text: string): Fraction {
  const [whole = '', decimals = ''] = text.split('.');
  return { top: BigInt(`${whole}${decimals}`), bottom: BigInt(`1${'0'.repeat(decimals.length)}`) };
}

const plus = (a: Fraction, b: Fraction): Fraction => ({
  top: a.top * b.bottom + b.top * a.bottom,
  bottom: a.bottom * b.bottom,
});
const isSame = (a: Fraction, b: Fraction) => a.top * b.bottom === b.top * a.bottom;

const digits = (minLength: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength, maxLength: minLength + 12 });
const number = fc
  .tuple(digits(1), fc.option(digits(1)))
  .map(([whole, decimals]) => (decimals === null ? whole : `${whole}.${decimals}`));
const count = fc.nat(Number.MAX_SAFE_INTEGER);

describe('a decimal number', () => {
  it.each([
    ['0', '0'],
    ['0.00', '0'],
    ['2.50', '2.5'],
    ['10', '10'],
    ['10.00', '10'],
    ['0.075', '0.075'],
    ['007.0', '7'],
  ])('%s is written as %s', (text, written) => {
    expect(textOf(decimalOf(text))).toBe(written);
  });

  it('keeps what a float would lose', () => {
    expect(0.1 + 0.2).not.toBe(0.3);
    expect(textOf(sumOf([decimalOf('0.1'), decimalOf('0.2')]))).toBe('0.3');
    expect(textOf(millionthOf(times(decimalOf('0.025'), 1)))).toBe('0.000000025');
    expect(textOf(sumOf([]))).toBe('0');
  });

  it('is, after any sum of products, the very number that fractions give', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(number, count), { maxLength: 4 }), (parts) => {
        const written = textOf(millionthOf(sumOf(parts.map(([text, by]) => times(decimalOf(text), by)))));
        const expected = parts
          .map(([text, by]) => ({ ...fractionOf(text), by: BigInt(by) }))
          .map(({ top, bottom, by }) => ({ top: top * by, bottom: bottom * 1_000_000n }))
          .reduce(plus, { top: 0n, bottom: 1n });
        expect(isSame(fractionOf(written), expected)).toBe(true);
        expect(written).toMatch(/^(0|[1-9]\d*)(\.\d*[1-9])?$/);
      }),
    );
  });
});
