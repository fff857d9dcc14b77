import { levelOf, splitOf } from './frontier.js';
import { HASH_BYTES, type Hash, nodeHash } from './hashes.js';

/** Leaves from `from` on and before `to`, which are one subtree of a tree of RFC 6962. */
export interface LeafRange {
  readonly from: number;
  readonly to: number;
}

/** The subtrees whose hashes prove that leaf `index` is in the tree of `size` leaves: PATH of RFC 6962. */
export function inclusionRanges(index: number, size: number): readonly LeafRange[] {
  if (!(index >= 0 && index < size)) throw new RangeError(`there is no leaf ${index} in a tree of ${size}`);
  const path: LeafRange[] = [];
  let { from, to }: LeafRange = { from: 0, to: size };
  while (to - from > 1) {
    const middle = from + splitOf(to - from);
    if (index < middle) {
      path.push({ from: middle, to });
      to = middle;
    } else {
      path.push({ from, to: middle });
      from = middle;
    }
  }
  return path.reverse();
}

/** The subtrees whose hashes prove that the tree of `size` leaves continues the one of `first` leaves: PROOF of RFC 6962. */
export function consistencyRanges(first: number, size: number): readonly LeafRange[] {
  if (!(first >= 1 && first <= size))
    throw new RangeError(`a tree of ${size} leaves does not continue one of ${first}`);
  const path: LeafRange[] = [];
  let { from, to }: LeafRange = { from: 0, to: size };
  while (to !== first) {
    const middle = from + splitOf(to - from);
    if (first <= middle) {
      path.push({ from: middle, to });
      to = middle;
    } else {
      path.push({ from, to: middle });
      from = middle;
    }
  }
  // The verifier knows the hash of the old tree itself.
  if (from > 0) path.push({ from, to });
  return path.reverse();
}

/** A subtree by its name: the lowest level on which it has one node, and the number of this node. */
export interface NamedRange {
  readonly range: LeafRange;
  readonly level: number;
  readonly index: number;
}

/**
 * The largest subtrees that have none of these leaves, from left to right. With the hashes of the leaves they lead to the root of
 * the tree, so they prove all leaves together, and each hash is there once. `leaves` is sorted.
 */
export function* rangesBesideLeaves(leaves: readonly number[], size: number): Generator<NamedRange> {
  yield* besideIn(leaves, { from: 0, to: size }, { from: 0, to: leaves.length });
}

/** `places` are those of the leaves in the range. */
function* besideIn(leaves: readonly number[], range: LeafRange, places: LeafRange): Generator<NamedRange> {
  const { from, to } = range;
  if (places.from === places.to) {
    const level = to - from === 1 ? 0 : levelOf(to - from - 1) + 1;
    yield { range, level, index: from / 2 ** level };
    return;
  }
  if (to - from === 1) return;
  const middle = from + splitOf(to - from);
  let place = places.from;
  while (place < places.to && (leaves[place] as number) < middle) place++;
  yield* besideIn(leaves, { from, to: middle }, { from: places.from, to: place });
  yield* besideIn(leaves, { from: middle, to }, { from: place, to: places.to });
}

/** The root to which a path leads from a leaf. Undefined for a path of another length than the place demands. */
export function rootFromInclusion(index: number, size: number, leaf: Hash, path: readonly Hash[]): Hash | undefined {
  if (!(Number.isSafeInteger(index) && Number.isSafeInteger(size) && index >= 0 && index < size)) return undefined;
  if (leaf.length !== HASH_BYTES) return undefined;
  let [place, last] = [index, size - 1];
  let root = leaf;
  for (const hash of path) {
    if (last === 0) return undefined;
    if (place % 2 === 1 || place === last) {
      root = nodeHash(hash, root);
      while (place % 2 === 0 && place !== 0) [place, last] = [place / 2, Math.floor(last / 2)];
    } else {
      root = nodeHash(root, hash);
    }
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  }
  return last === 0 ? root : undefined;
}

export interface SignedTree {
  readonly size: number;
  readonly root: Hash;
}

/** Whether the path proves that the second tree continues the first. RFC 9162, section 2.1.4.2. */
export function isConsistent(first: SignedTree, second: SignedTree, path: readonly Hash[]): boolean {
  // Every tree continues the empty one, so nothing can be proved of it.
  if (first.size > second.size || first.size < 1) return false;
  if (first.size === second.size) return path.length === 0 && first.root.equals(second.root);
  const isPerfect = 2 ** levelOf(first.size) === first.size;
  const [start, ...rest] = isPerfect ? [first.root, ...path] : path;
  if (start === undefined || (isPerfect && path.length === 0)) return false;
  let [place, last] = [first.size - 1, second.size - 1];
  while (place % 2 === 1) [place, last] = [(place - 1) / 2, Math.floor(last / 2)];
  let [old, present] = [start, start];
  for (const hash of rest) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      [old, present] = [nodeHash(hash, old), nodeHash(hash, present)];
      while (place % 2 === 0 && place !== 0) [place, last] = [place / 2, Math.floor(last / 2)];
    } else {
      present = nodeHash(present, hash);
    }
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  }
  return last === 0 && old.equals(first.root) && present.equals(second.root);
}
