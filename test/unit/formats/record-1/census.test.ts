import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  blindLeaf,
  type Census,
  type CensusRange,
  type CountedChain,
  censusLeaf,
  censusLeafHash,
  censusOf,
  chainKey,
  chainWith,
  ownerKey,
  provenRange,
} from '../../../../src/formats/record-1/census.js';
import { rootOf } from '../../../../src/formats/record-1/frontier.js';
import { type Hash, leafHash, sha256 } from '../../../../src/formats/record-1/hashes.js';
import { rangesBeside, rootFromRange } from '../../../../src/formats/record-1/range-proof.js';

const chainOf = (owner: string | null, nth: number): CountedChain => ({
  ...{ chain: `conversation-${nth}`, owner, n: nth, head: sha256(`head ${nth}`) },
  ...{ minAt: '2026-01-02T03:04:05.678Z', maxAt: '2026-01-03T03:04:05.678Z' },
});
const sorted = (chains: readonly CountedChain[]) =>
  [...chains].sort((one, other) => chainKey(one).compare(chainKey(other)));

const hashesOf = (leaves: readonly Hash[], from: number, to: number): Hash[] =>
  rangesBeside({ from, to }, leaves.length).map((range) => rootOf(leaves.slice(range.from, range.to)));

/** What a server shows of the chains at these places. */
function rangeOf(chains: readonly CountedChain[], from: number, to: number): CensusRange {
  const leaves = chains.map(blindLeaf);
  const [first, end] = [Math.max(0, from - 1), Math.min(chains.length, to + 1)];
  return {
    ...{ from, chains: chains.slice(from, to) },
    ...{ before: leaves[from - 1] ?? null, after: leaves[to] ?? null },
    path: first < end ? hashesOf(leaves.map(censusLeafHash), first, end) : [],
  };
}

describe('the proof of a range of leaves', () => {
  const leaves = Array.from({ length: 70 }, (_, nth) => leafHash(`leaf ${nth}`));

  it('leads to the root from every range of every tree, and from no other place or length', () => {
    for (const size of [1, 2, 3, 5, 8, 13, 21, 64, 70]) {
      const root = rootOf(leaves.slice(0, size));
      for (let from = 0; from < size; from++) {
        for (let to = from + 1; to <= size; to++) {
          const path = hashesOf(leaves.slice(0, size), from, to);
          const range = leaves.slice(from, to);
          expect(rootFromRange(from, range, size, path)).toEqual(root);
          expect(rootFromRange(from, range, size, [...path, sha256('more')])).toBeUndefined();
          if (path.length > 0) expect(rootFromRange(from, range, size, path.slice(1))).toBeUndefined();
          if (to < size) expect(rootFromRange(from + 1, range, size, path)).not.toEqual(root);
        }
      }
    }
  });

  it('has no range outside the tree', () => {
    for (const [from, to] of [
      [0, 0],
      [3, 2],
      [-1, 2],
      [0, 6],
      [0.5, 2],
    ] as const) {
      expect(() => rangesBeside({ from, to }, 5)).toThrow(RangeError);
    }
    expect(rootFromRange(-1, leaves.slice(0, 2), 5, [])).toBeUndefined();
    expect(rootFromRange(4, leaves.slice(0, 2), 5, [])).toBeUndefined();
    expect(rootFromRange(0, [], 5, [])).toBeUndefined();
  });
});

describe('a chain in the census', () => {
  const entry = { at: '2026-01-02T03:04:05.678Z', chain: 'conversation-a', n: 0, owner: null };

  it('has its last entry, its earliest and latest time, and the first owner that an entry names', () => {
    const heads = ['a', 'b', 'c', 'd'].map((text) => sha256(text)) as [Hash, Hash, Hash, Hash];
    const one = chainWith(undefined, entry, heads[0]);
    const two = chainWith(one, { ...entry, n: 1, at: '2026-01-01T00:00:00.000Z' }, heads[1]);
    const three = chainWith(two, { ...entry, n: 2, at: '2026-01-04T00:00:00.000Z', owner: 'uada' }, heads[2]);
    expect(chainWith(three, { ...entry, n: 3, owner: null }, heads[3])).toEqual({
      ...{ chain: 'conversation-a', owner: 'uada', n: 3, head: heads[3] },
      ...{ minAt: '2026-01-01T00:00:00.000Z', maxAt: '2026-01-04T00:00:00.000Z' },
    });
  });

  it('is a leaf in canonical form, behind the hashes of its owner and of its name', () => {
    const chain = chainWith(undefined, entry, sha256('head'));
    const text = `{"chain":"conversation-a","head":"${sha256('head').toString('base64')}","maxAt":"2026-01-02T03:04:05.678Z","minAt":"2026-01-02T03:04:05.678Z","n":0,"owner":null}`;
    expect(censusLeaf(chain)).toBe(text);
    const key = Buffer.concat([sha256('verbatim/census/1\n'), sha256('verbatim/census/1\nconversation-a')]);
    expect(chainKey(chain)).toEqual(key);
    expect(censusLeafHash(blindLeaf(chain))).toEqual(sha256(Buffer.concat([Buffer.from([0]), key, sha256(text)])));
    expect(chainKey({ ...chain, owner: 'uada' }).subarray(0, 32)).toEqual(ownerKey('uada'));
  });
});

describe('the proof that a census has certain chains and no others', () => {
  const owners = fc.constantFrom('uada', 'ubob', 'ucat', null);
  const drawn = fc
    .array(owners, { maxLength: 40 })
    .map((list) => sorted(list.map((owner, nth) => chainOf(owner, nth))));

  it('shows all chains of each owner, and that an owner has none', () => {
    fc.assert(
      fc.property(drawn, fc.constantFrom('uada', 'ubob', 'uxen'), (chains, owner) => {
        const census = censusOf(9, chains);
        const own = chains.filter((chain) => chain.owner === owner);
        const at = own.length > 0 ? chains.indexOf(own[0] as CountedChain) : placeOf(chains, owner);
        const range = rangeOf(chains, at, at + own.length);
        expect(provenRange(census, range, ownerKey(owner))).toEqual({ isFirst: true, isLast: true });
      }),
    );
  });

  const placeOf = (chains: readonly CountedChain[], owner: string) =>
    chains.filter((chain) => chainKey(chain).compare(ownerKey(owner)) < 0).length;

  it('shows no range as whole that leaves out a chain of the owner', () => {
    fc.assert(
      fc.property(drawn, fc.nat(), fc.nat(), (chains, one, other) => {
        const census = censusOf(9, chains);
        const own = chains.flatMap((chain, nth) => (chain.owner === 'uada' ? [nth] : []));
        fc.pre(own.length > 0);
        const [first, end] = [own[0] as number, (own.at(-1) as number) + 1];
        const from = first + (one % (own.length + 1));
        const to = from + (other % (end - from + 1));
        const proven = provenRange(census, rangeOf(chains, from, to), ownerKey('uada'));
        if (from === to) expect(proven).toBeUndefined();
        else expect(proven).toEqual({ isFirst: from === first, isLast: to === end });
      }),
    );
  });

  it('fails after any change of a chain, of a leaf beside it, of a place or of the census', () => {
    const chains = sorted(
      ['uada', 'uada', 'ubob', 'uada', null, 'ucat', 'ucat'].map((owner, nth) => chainOf(owner, nth)),
    );
    const census = censusOf(9, chains);
    const at = chains.findIndex(({ owner }) => owner === 'uada');
    const range = rangeOf(chains, at, at + 3);
    const proven = (changed: Partial<CensusRange>, other: Partial<Census> = {}) =>
      provenRange({ ...census, ...other }, { ...range, ...changed }, ownerKey('uada'));
    expect(proven({})).toEqual({ isFirst: true, isLast: true });
    const [first, ...rest] = range.chains as [CountedChain, ...CountedChain[]];
    for (const change of [{ n: 99 }, { head: sha256('x') }, { maxAt: '2030-01-01T00:00:00.000Z' }, { owner: null }]) {
      expect(proven({ chains: [{ ...first, ...change }, ...rest] })).toBeUndefined();
    }
    expect(proven({ chains: rest })).toBeUndefined();
    expect(proven({ chains: [...range.chains].reverse() })).toBeUndefined();
    expect(proven({ from: range.from + 1 })).toBeUndefined();
    expect(proven({ path: range.path.slice(1) })).toBeUndefined();
    expect(proven({}, { count: at + 2 })).toBeUndefined();
    expect(proven({}, { root: sha256('x') })).toBeUndefined();
    for (const beside of ['before', 'after'] as const) {
      const leaf = range[beside];
      if (!leaf) continue;
      expect(proven({ [beside]: null })).toBeUndefined();
      expect(proven({ [beside]: { ...leaf, text: sha256('x') } })).toBeUndefined();
      expect(proven({ [beside]: { ...leaf, key: leaf.key.subarray(0, 63) } })).toBeUndefined();
    }
    expect([range.before, range.after].filter((leaf) => leaf !== null)).not.toEqual([]);
  });

  it('of no chains at all is the root of the empty tree', () => {
    const empty: CensusRange = { from: 0, chains: [], before: null, after: null, path: [] };
    expect(provenRange(censusOf(0, []), empty, ownerKey('uada'))).toEqual({ isFirst: true, isLast: true });
    expect(provenRange({ ...censusOf(0, []), root: sha256('x') }, empty, ownerKey('uada'))).toBeUndefined();
  });
});
