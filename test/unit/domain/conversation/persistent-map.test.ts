import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PersistentMap } from '../../../../src/domain/conversation/persistent-map.js';
import { expectEqual } from '../../../support/expect-equal.js';

const filled = (entries: readonly (readonly [string, number])[]) =>
  entries.reduce((map, [key, value]) => map.set(key, value), PersistentMap.empty<number>());

describe('a persistent map', () => {
  it('holds what a Map holds, at each step and ever after', () => {
    const entries = fc.array(fc.tuple(fc.string({ maxLength: 2 }), fc.nat()), { maxLength: 200 });
    fc.assert(
      fc.property(entries, (drawn) => {
        const steps = [PersistentMap.empty<number>()];
        for (const [key, value] of drawn) steps.push((steps.at(-1) as PersistentMap<number>).set(key, value));
        steps.forEach((map, step) => {
          const expected = new Map(drawn.slice(0, step));
          expectEqual(map.size, expected.size);
          expectEqual([...map.values()].sort(), [...expected.values()].sort());
          for (const [key] of drawn) expectEqual(map.get(key), expected.get(key));
        });
      }),
      { numRuns: 100 },
    );
  });

  // Found by search: different texts with one hash, so they can never part on the way down.
  const [one, other] = ['key-901258', 'key-1540052'] as const;

  it('keeps keys apart whose hashes are the same', () => {
    const map = filled([
      [one, 1],
      ['beside', 3],
      [other, 2],
    ]);
    expect([map.get(one), map.get(other), map.get('beside'), map.size]).toEqual([1, 2, 3, 3]);
    expect(map.set(one, 4).get(other)).toBe(2);
    expect(filled([[one, 1]]).get(other)).toBeUndefined();
  });

  it('holds very many entries', () => {
    const entries = Array.from({ length: 50_000 }, (_, nth) => [`key-${nth}`, nth] as const);
    const map = filled(entries);
    expect(entries.every(([key, value]) => map.get(key) === value)).toBe(true);
    expect(map.get('key-50000')).toBeUndefined();
  });
});
