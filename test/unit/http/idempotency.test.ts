import { describe, expect, it } from '@jest/globals';
import { fingerprintOf } from '../../../src/http/caller.js';

const fingerprint = (body: unknown, url = '/a', method = 'POST') => fingerprintOf({ method, url, body });

describe('the fingerprint of a request', () => {
  it('does not depend on the order of names, at any depth', () => {
    const one = { a: 1, b: { c: [{ d: 1, e: null }], f: 'x' } };
    const other = { b: { f: 'x', c: [{ e: null, d: 1 }] }, a: 1 };
    expect(fingerprint(one)).toMatch(/^[0-9a-f]{64}$/);
    expect(fingerprint(other)).toBe(fingerprint(one));
  });

  it('does not depend on the query, and takes no body for an empty one', () => {
    expect(fingerprint({}, '/a?b=c')).toBe(fingerprint(undefined, '/a'));
  });

  it('differs for every other difference of requests', () => {
    const bodies = [
      {},
      [],
      [1, 2],
      [2, 1],
      [[1], 2],
      { a: 1 },
      [['a', 1]],
      { a: '1' },
      { a: true },
      { a: null },
      { a: [] },
      { a: {} },
      { a: '\ud83d' },
      { a: '\ud83e' },
      { a: '\ufffd' },
      { 'a":1,"b': 2 },
      { a: 1, b: 2 },
    ];
    const all = [
      ...bodies.map((body) => fingerprint(body)),
      fingerprint({}, '/b'),
      fingerprint({}, '/A'),
      fingerprint({}, '/a', 'PUT'),
    ];
    expect(new Set(all).size).toBe(all.length);
  });
});
