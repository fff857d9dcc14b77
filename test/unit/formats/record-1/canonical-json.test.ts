import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson, canonicalText, NotCanonical } from '../../../../src/formats/record-1/canonical-json.js';

const file = join(import.meta.dirname, '..', '..', '..', 'vectors', 'rfc8785-pairs.json');
const pairs: Record<string, { input: string; output: string }> = JSON.parse(readFileSync(file, 'utf8'));

/** RFC 8785, appendix B: the bits of a double and its canonical form. */
const numbers: [string, string][] = [
  ['0000000000000000', '0'],
  ['8000000000000000', '0'],
  ['0000000000000001', '5e-324'],
  ['8000000000000001', '-5e-324'],
  ['7fefffffffffffff', '1.7976931348623157e+308'],
  ['ffefffffffffffff', '-1.7976931348623157e+308'],
  ['4340000000000000', '9007199254740992'],
  ['c340000000000000', '-9007199254740992'],
  ['4430000000000000', '295147905179352830000'],
  ['44b52d02c7e14af5', '9.999999999999997e+22'],
  ['44b52d02c7e14af6', '1e+23'],
  ['44b52d02c7e14af7', '1.0000000000000001e+23'],
  ['444b1ae4d6e2ef4e', '999999999999999700000'],
  ['444b1ae4d6e2ef4f', '999999999999999900000'],
  ['444b1ae4d6e2ef50', '1e+21'],
  ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
  ['3eb0c6f7a0b5ed8d', '0.000001'],
  ['41b3de4355555553', '333333333.3333332'],
  ['41b3de4355555554', '333333333.33333325'],
  ['41b3de4355555555', '333333333.3333333'],
  ['41b3de4355555556', '333333333.3333334'],
  ['41b3de4355555557', '333333333.33333343'],
  ['becbf647612f3696', '-0.0000033333333333333333'],
  ['43143ff3c1cb0959', '1424953923781206.2'],
];

describe('the canonical form of JSON', () => {
  it.each(Object.entries(pairs))('of the published example "%s" is the published one', (_, { input, output }) => {
    expect(canonicalJson(JSON.parse(input))).toBe(output);
  });

  it.each(numbers)('writes the double %s as %s', (bits, text) => {
    expect(canonicalJson(Buffer.from(bits, 'hex').readDoubleBE())).toBe(text);
  });

  it('sorts members by UTF-16 code units, also those that look like numbers', () => {
    const value = JSON.parse('{"\\ufb33":1,"\\ud83d\\ude02":2,"10":3,"9":4,"__proto__":5}');
    expect(canonicalJson(value)).toBe('{"10":3,"9":4,"__proto__":5,"\ud83d\ude02":2,"\ufb33":1}');
  });

  it('is read back as the same value, and is the same for members in another order', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(canonicalJson(turned(value))).toBe(text);
      }),
    );
  });

  it.each([
    ['a lone surrogate', 'a\ud83d'],
    ['a lone surrogate in the name of a member', { '\ude00': 1 }],
    ['an infinite number', Number.POSITIVE_INFINITY],
    ['NaN', [Number.NaN]],
    ['undefined', { a: undefined }],
    ['a hole in a list', new Array(1)],
    ['a bigint', 1n],
  ])('refuses %s', (_, value) => {
    expect(() => canonicalJson(value)).toThrow(NotCanonical);
  });

  it('refuses a value that nests too deep, instead of running out of stack', () => {
    const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
    expect(() => canonicalJson(deep)).toThrow(NotCanonical);
    expect(canonicalJson(JSON.parse(`${'['.repeat(500)}${']'.repeat(500)}`))).toHaveLength(1_000);
  });
});

describe('the canonical form of a protected value', () => {
  it('writes a lone surrogate as an escape in lower case, and a pair as it is', () => {
    expect(canonicalText({ text: 'a\ud83d b\udE00 \ud83d\ude02' })).toBe('{"text":"a\\ud83d b\\ude00 \ud83d\ude02"}');
  });

  it('is the same as of any other JSON without lone surrogates', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => canonicalText(value) === canonicalJson(value)),
    );
  });
});

/** The same value, with the members of each object in the reverse order. */
function turned(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(turned);
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, turned(member)]),
  );
}
