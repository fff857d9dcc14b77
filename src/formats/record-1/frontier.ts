import { type Hash, nodeHash, sha256 } from './hashes.js';

/** A perfect subtree: the `2^level` leaves from `index * 2^level` on. */
export interface TreeNode {
  readonly level: number;
  readonly index: number;
}

/**
 * The right edge of a growing tree of RFC 6962: the roots of the perfect subtrees that its size is the sum of, largest first.
 * Further leaves and the root need nothing else of the tree.
 */
export class Frontier {
  private leaves = 0;
  private readonly edge: Hash[] = [];

  /** `edge` has the hashes of the nodes of `edgeOf(size)`. */
  static at(size: number, edge: readonly Hash[]): Frontier {
    const frontier = new Frontier();
    frontier.leaves = size;
    frontier.edge.push(...edge);
    return frontier;
  }

  get size(): number {
    return this.leaves;
  }

  /** The nodes above the leaf that it completes, the lowest first. */
  add(leaf: Hash): readonly (TreeNode & { readonly hash: Hash })[] {
    const completed: (TreeNode & { readonly hash: Hash })[] = [];
    let hash = leaf;
    for (let index = this.leaves, level = 1; index % 2 === 1; level++) {
      index = (index - 1) / 2;
      hash = nodeHash(this.edge.pop() as Hash, hash);
      completed.push({ level, index, hash });
    }
    this.edge.push(hash);
    this.leaves++;
    return completed;
  }

  root(): Hash {
    const [last, ...before] = this.edge.toReversed();
    return before.reduce((right, left) => nodeHash(left, right), last ?? EMPTY);
  }

  /** The hashes of the nodes of `edgeOf(size)`. */
  get hashes(): readonly Hash[] {
    return [...this.edge];
  }
}

const EMPTY = sha256('');

/** The root of RFC 6962 over these leaf hashes. */
export function rootOf(leaves: Iterable<Hash>): Hash {
  const tree = new Frontier();
  for (const leaf of leaves) tree.add(leaf);
  return tree.root();
}

/** The perfect subtrees that a tree of this size is the sum of, largest first; of a subtree that begins at leaf `from`. */
export function edgeOf(size: number, from = 0): readonly TreeNode[] {
  const nodes: TreeNode[] = [];
  for (let start = from; start < from + size; ) {
    const level = levelOf(from + size - start);
    nodes.push({ level, index: start / 2 ** level });
    start += 2 ** level;
  }
  return nodes;
}

/** The level of the largest perfect subtree of a tree of this size. `Math.log2` is not exact near large powers of two. */
export function levelOf(size: number): number {
  const level = Math.round(Math.log2(size));
  return 2 ** level > size ? level - 1 : level;
}

/** The largest power of two below the size: where RFC 6962 divides a tree. */
export const splitOf = (size: number): number => 2 ** levelOf(size - 1);
