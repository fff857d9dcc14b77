import { describe, expect, it } from '@jest/globals';
import {
  integerArray,
  jsonArray,
  textArray,
  timestampArray,
  uuidArray,
} from '../../../src/adapters/postgres/binary-arrays.js';

const int4 = (value: number) => (value >>> 0).toString(16).padStart(8, '0');

/** PostgreSQL's binary form of a one-dimensional array, from its documentation: all numbers are four bytes, big end first. */
function array(typeOid: number, ...items: string[]): string {
  const [dimensions, mayHoldNulls, firstIndex] = [1, 1, 1];
  return [...[dimensions, mayHoldNulls, typeOid, items.length, firstIndex].map(int4), ...items].join('');
}

/** An item as its length in bytes and the bytes. */
const item = (hex: string) => int4(hex.length / 2) + hex;
const NULL = 'ffffffff';

describe('arrays in binary form', () => {
  it.each([
    ['text', textArray([]), 25],
    ['json', jsonArray([]), 114],
    ['integer', integerArray([]), 23],
    ['uuid', uuidArray([]), 2950],
    ['timestamptz', timestampArray([]), 1184],
  ])('an empty array of %s is a header alone', (_, bytes, typeOid) => {
    expect(bytes.toString('hex')).toBe(array(typeOid));
  });

  it('texts are counted in bytes, not in characters', () => {
    const expected = array(25, item('61'), item(''), item('c3a9e282ac'), item('f09f9982'), item('7a'));
    expect(textArray(['a', '', 'é€', '🙂', 'z']).toString('hex')).toBe(expected);
  });

  it('JSON is written unchanged, quotes and backslashes included', () => {
    const text = '{"a":"\\"\\u0000é"}';
    expect(jsonArray([text]).toString('hex')).toBe(array(114, item(Buffer.from(text).toString('hex'))));
  });

  it('integers have a sign, and may be null', () => {
    const expected = array(23, item('00000007'), NULL, item('ffffffff'), item('7fffffff'), NULL);
    expect(integerArray([7, null, -1, 2 ** 31 - 1, null]).toString('hex')).toBe(expected);
  });

  it('uuids are their sixteen bytes', () => {
    const ids = ['01994a7e-5c00-7000-8000-00000000000f', 'ffffffff-ffff-4fff-bfff-ffffffffffff'];
    const expected = array(2950, ...ids.map((id) => item(id.replaceAll('-', ''))));
    expect(uuidArray(ids).toString('hex')).toBe(expected);
  });

  it('times are microseconds since the first day of 2000, before it too', () => {
    const times = ['2000-01-01T00:00:00.000Z', '2000-01-01T00:00:01.001Z', '1999-12-31T23:59:59.999Z'];
    const expected = ['0000000000000000', '00000000000f4628', 'fffffffffffffc18'].map(item);
    expect(timestampArray(times).toString('hex')).toBe(array(1184, ...expected));
  });

  it('a time far from 2000 is exact to the millisecond', () => {
    const bytes = timestampArray(['2026-07-31T23:59:59.999Z']);
    const microseconds = bytes.readBigInt64BE(bytes.length - 8);
    expect(new Date(Date.UTC(2000, 0) + Number(microseconds / 1000n)).toISOString()).toBe('2026-07-31T23:59:59.999Z');
    expect(microseconds % 1000n).toBe(0n);
  });

  it('many items follow each other without a gap', () => {
    const texts = Array.from({ length: 500 }, (_, nth) => 'ü'.repeat(nth % 7));
    const items = texts.map((text) => item(Buffer.from(text).toString('hex')));
    expect(textArray(texts).toString('hex')).toBe(array(25, ...items));
  });
});
