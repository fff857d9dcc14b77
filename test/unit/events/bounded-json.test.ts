import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { jsonWithin } from '../../../src/ports/language-model.js';

describe('JSON within a bound', () => {
  it('is the value as JSON.stringify writes it, or nothing when it takes more bytes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5, stringUnit: 'binary' }), fc.nat({ max: 200 }), (value, bytesMax) => {
        const json = JSON.stringify(value);
        const written = jsonWithin(value, bytesMax);
        expect(written).toBe(Buffer.byteLength(json) <= bytesMax ? json : undefined);
      }),
    );
  });

  it.each([
    ['[', ']'],
    ['{"a":', '}'],
  ])('is nothing for %s nested so deep that no recursive function survives it', (open, close) => {
    const deep: unknown = JSON.parse(`${open.repeat(500_000)}1${close.repeat(500_000)}`);
    expect(() => JSON.stringify(deep)).toThrow(RangeError);
    expect(jsonWithin(deep, 10_000_000)).toBeUndefined();
  });

  it('is looked at no further than the bound', () => {
    const texts = Array.from({ length: 300_000 }, () => 'x');
    const tooFar = () => {
      throw new Error('read too far');
    };
    Object.defineProperty(texts, 100, { get: tooFar, enumerable: true });
    expect(jsonWithin(texts, 100)).toBeUndefined();
  });
});
