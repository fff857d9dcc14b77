import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { edgeOf, Frontier, levelOf, rootOf, type TreeNode } from '../../../../src/formats/record-1/frontier.js';
import { type Hash, leafHash, nodeHash, sha256 } from '../../../../src/formats/record-1/hashes.js';
import {
  consistencyRanges,
  inclusionRanges,
  isConsistent,
  type LeafRange,
  rootFromInclusion,
} from '../../../../src/formats/record-1/proofs.js';
import {
  bundleBytes,
  indexPath,
  nodeInTile,
  parseBundlePath,
  parseTilePath,
  storedInTiles,
  TILE_WIDTH,
  tileBytes,
  tileOf,
  widthAt,
} from '../../../../src/formats/record-1/tiles.js';

/** MTH of RFC 6962, section 2.1, as it is written there. */
function naiveRoot(leaves: readonly Hash[]): Hash {
  if (leaves.length === 0) return sha256('');
  if (leaves.length === 1) return leaves[0] as Hash;
  let half = 1;
  while (half * 2 < leaves.length) half *= 2;
  return nodeHash(naiveRoot(leaves.slice(0, half)), naiveRoot(leaves.slice(half)));
}

const leavesOf = (size: number): Hash[] => Array.from({ length: size }, (_, nth) => leafHash(`leaf ${nth}`));
const hashesOf = (ranges: readonly LeafRange[], leaves: readonly Hash[]) =>
  ranges.map(({ from, to }) => naiveRoot(leaves.slice(from, to)));
const naiveNode = ({ level, index }: TreeNode, leaves: readonly Hash[]) =>
  naiveRoot(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));

const sizes = fc.integer({ min: 1, max: 300 });
const sizeAndLess = sizes.chain((size) => fc.tuple(fc.constant(size), fc.integer({ min: 1, max: size })));

describe('a growing tree', () => {
  it('has the root of RFC 6962 at each size', () => {
    const leaves = leavesOf(140);
    const tree = new Frontier();
    expect(tree.root()).toEqual(sha256(''));
    for (const [nth, leaf] of leaves.entries()) {
      tree.add(leaf);
      expect(tree.root()).toEqual(naiveRoot(leaves.slice(0, nth + 1)));
    }
    expect(rootOf(leaves)).toEqual(tree.root());
  });

  it('reports each node that a leaf completes, with its hash', () => {
    const leaves = leavesOf(64);
    const tree = new Frontier();
    const completed = leaves.flatMap((leaf) => [...tree.add(leaf)]);
    expect(completed).toHaveLength(63);
    for (const node of completed) expect(node.hash).toEqual(naiveNode(node, leaves));
  });

  it('continues from the nodes of its edge', () => {
    fc.assert(
      fc.property(sizeAndLess, ([size, first]) => {
        const leaves = leavesOf(size);
        const tree = Frontier.at(
          first,
          edgeOf(first).map((node) => naiveNode(node, leaves)),
        );
        for (const leaf of leaves.slice(first)) tree.add(leaf);
        expect(tree.root()).toEqual(naiveRoot(leaves));
        expect(tree.hashes).toEqual(edgeOf(size).map((node) => naiveNode(node, leaves)));
      }),
      { numRuns: 40 },
    );
  });

  it('knows the level of its largest perfect subtree, also near large powers of two', () => {
    for (let level = 1; level < 53; level++) {
      expect([2 ** level - 1, 2 ** level, 2 ** level + 1].map(levelOf)).toEqual([level - 1, level, level]);
    }
  });
});

describe('a proof', () => {
  it('of inclusion leads from each leaf to the root, and from no other leaf, place or path', () => {
    fc.assert(
      fc.property(sizeAndLess, fc.nat(), ([size, index], nth) => {
        const leaves = leavesOf(size);
        const root = naiveRoot(leaves);
        const [place, leaf] = [index - 1, leaves[index - 1] as Hash];
        const path = hashesOf(inclusionRanges(place, size), leaves);
        expect(rootFromInclusion(place, size, leaf, path)).toEqual(root);
        expect(rootFromInclusion(place, size, sha256('another'), path)).not.toEqual(root);
        expect(rootFromInclusion(place, size, leaf, [...path, leaf])).toBeUndefined();
        expect(rootFromInclusion(size, size, leaf, path)).toBeUndefined();
        if (path.length === 0) return;
        const changed = path.map((hash, at) => (at === nth % path.length ? sha256(hash) : hash));
        expect(rootFromInclusion(place, size, leaf, changed)).not.toEqual(root);
        expect(rootFromInclusion(place, size, leaf, path.slice(1))).not.toEqual(root);
      }),
      { numRuns: 60 },
    );
  });

  it('of consistency holds for each earlier tree, and for no other root or path', () => {
    fc.assert(
      fc.property(sizeAndLess, fc.nat(), ([size, first], nth) => {
        const leaves = leavesOf(size);
        const [old, present] = [
          { size: first, root: naiveRoot(leaves.slice(0, first)) },
          { size, root: naiveRoot(leaves) },
        ];
        const path = hashesOf(consistencyRanges(first, size), leaves);
        expect(isConsistent(old, present, path)).toBe(true);
        expect(isConsistent({ ...old, root: sha256('another') }, present, path)).toBe(false);
        expect(isConsistent(old, { ...present, root: sha256('another') }, path)).toBe(false);
        expect(isConsistent(old, present, [...path, present.root])).toBe(false);
        if (path.length === 0) return;
        const changed = path.map((hash, at) => (at === nth % path.length ? sha256(hash) : hash));
        expect(isConsistent(old, present, changed)).toBe(false);
        expect(isConsistent(old, present, path.slice(1))).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it('cannot be asked of a leaf or of a tree that is not there', () => {
    for (const [index, size] of [
      [1, 1],
      [-1, 1],
      [0, 0],
    ] as const) {
      expect(() => inclusionRanges(index, size)).toThrow(RangeError);
    }
    for (const [first, size] of [
      [0, 1],
      [2, 1],
    ] as const)
      expect(() => consistencyRanges(first, size)).toThrow(RangeError);
  });
});

interface Vector {
  readonly leafIdx: number;
  readonly treeSize: number;
  readonly size1: number;
  readonly size2: number;
  readonly root: string;
  readonly root1: string;
  readonly root2: string;
  readonly leafHash: string;
  readonly proof: readonly string[] | null;
  readonly wantErr: boolean;
}

const file = join(import.meta.dirname, '..', '..', '..', 'vectors', 'rfc6962-proofs.json');
const vectors = Object.entries<Vector>(JSON.parse(readFileSync(file, 'utf8')));
const bytes = (text: string): Hash => Buffer.from(text ?? '', 'base64');

describe('the published proofs of RFC 6962', () => {
  it.each(vectors.filter(([name]) => name.startsWith('inclusion/')))('are judged as published: %s', (_, vector) => {
    const { leafIdx, treeSize, leafHash: leaf, root, proof, wantErr } = vector;
    const reached = rootFromInclusion(leafIdx, treeSize, bytes(leaf), (proof ?? []).map(bytes));
    expect(reached?.equals(bytes(root)) ?? false).toBe(!wantErr);
  });

  it.each(vectors.filter(([name]) => name.startsWith('consistency/')))('are judged as published: %s', (_, vector) => {
    const { size1, size2, root1, root2, proof, wantErr } = vector;
    const first = { size: size1, root: bytes(root1) };
    expect(isConsistent(first, { size: size2, root: bytes(root2) }, (proof ?? []).map(bytes))).toBe(!wantErr);
  });

  it('are all there', () => {
    expect(vectors).toHaveLength(196);
  });
});

describe('tiles', () => {
  const leaves = leavesOf(TILE_WIDTH * TILE_WIDTH + 700);
  const tree = new Frontier();
  const stored = new Map<string, Hash>();
  for (const leaf of leaves) {
    for (const { level, index, hash } of storedInTiles(tree.add(leaf))) stored.set(`${level}/${index}`, hash);
  }
  const tile = (level: number, index: number): Hash[] => {
    const width = widthAt(leaves.length, { level, index });
    const places = Array.from({ length: Math.max(0, width) }, (_, nth) => index * TILE_WIDTH + nth);
    return places.map((nth) => (level === 0 ? leaves[nth] : stored.get(`${level}/${nth}`)) as Hash);
  };

  it('hold every eighth level, as far as its nodes are complete', () => {
    expect([...stored.keys()].filter((key) => key.startsWith('1/'))).toHaveLength(258);
    expect([...stored.keys()].filter((key) => key.startsWith('2/'))).toEqual(['2/0']);
    expect(tile(1, 1)).toEqual([0, 1].map((nth) => naiveNode({ level: 8, index: 256 + nth }, leaves)));
    expect(tile(0, 258)).toHaveLength(700 - 512);
    expect(tile(0, 259)).toEqual([]);
  });

  it('give each node of the tree', () => {
    const nodes = edgeOf(leaves.length).concat(edgeOf(100, 512), [
      { level: 3, index: 40 },
      { level: 9, index: 7 },
    ]);
    expect(new Set(nodes.map(({ level }) => level >> 3))).toEqual(new Set([0, 1, 2]));
    for (const node of nodes) {
      const place = tileOf(node);
      expect(nodeInTile(place, tile(place.level, place.index))).toEqual(naiveNode(node, leaves));
    }
  });

  it('are the concatenation of their hashes; bundles have the length of each entry before it', () => {
    expect(tileBytes(leaves.slice(0, 2))).toEqual(Buffer.concat(leaves.slice(0, 2)));
    expect(bundleBytes(['ab', 'ä'.repeat(150)])).toEqual(
      Buffer.concat([Buffer.from([0, 2]), Buffer.from('ab'), Buffer.from([1, 44]), Buffer.from('ä'.repeat(150))]),
    );
  });

  it.each([
    ['0/000', { level: 0, index: 0, width: 256 }],
    ['0/x001/x234/067', { level: 0, index: 1_234_067, width: 256 }],
    ['0/x001/000', { level: 0, index: 1_000, width: 256 }],
    ['63/999.p/255', { level: 63, index: 999, width: 255 }],
    ['2/005.p/1', { level: 2, index: 5, width: 1 }],
  ])('are found at %s', (path, slice) => {
    expect(parseTilePath(path)).toEqual(slice);
    expect(indexPath(slice.index)).toBe(path.slice(path.indexOf('/') + 1).replace(/\.p.*/, ''));
  });

  it.each([
    '00/000',
    '64/000',
    '-1/000',
    '0/0',
    '0/x000/001',
    '0/001/002',
    '0/x001',
    '0/000.p/0',
    '0/000.p/01',
    '0/000.p/256',
    '0/000.p/',
    '0/000/',
    '0/../000',
    '0/x001/x001/x001/x001/x001/001',
    '0',
    '',
  ])('are not found at %p', (path) => {
    expect(parseTilePath(path)).toBeUndefined();
  });

  it('have a path for each index, and no two', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 15 - 1 }), (index) => {
        expect(parseBundlePath(indexPath(index))).toEqual({ index, width: TILE_WIDTH });
      }),
    );
  });
});
