import { rootOf, splitOf } from './frontier.js';
import { type Hash, nodeHash } from './hashes.js';
import type { LeafRange } from './proofs.js';

/**
 * The largest subtrees beside the leaves from `from` on and before `to`, from left to right. With their hashes and the leaves, a
 * reader computes the root: so the leaves are neighbours in the tree, and none between them is left out.
 */
export function rangesBeside({ from, to }: LeafRange, size: number): readonly LeafRange[] {
  requireRange({ from, to }, size);
  const beside: LeafRange[] = [];
  const visit = (part: LeafRange): void => {
    if (isBeside(part, { from, to })) beside.push(part);
    else if (!isInside(part, { from, to })) for (const half of halvesOf(part)) visit(half);
  };
  visit({ from: 0, to: size });
  return beside;
}

/** The root to which these leaf hashes, from leaf `from` on, and a path lead. Undefined for a path of another length. */
export function rootFromRange(
  from: number,
  leaves: readonly Hash[],
  size: number,
  path: readonly Hash[],
): Hash | undefined {
  const range = { from, to: from + leaves.length };
  if (!isRange(range, size)) return undefined;
  const left = [...path];
  const rootOfPart = (part: LeafRange): Hash | undefined => {
    if (isBeside(part, range)) return left.shift();
    if (isInside(part, range)) return rootOf(leaves.slice(part.from - from, part.to - from));
    const [one, other] = halvesOf(part).map(rootOfPart);
    return one && other && nodeHash(one, other);
  };
  const root = rootOfPart({ from: 0, to: size });
  return left.length === 0 ? root : undefined;
}

const isRange = ({ from, to }: LeafRange, size: number): boolean =>
  [from, to, size].every(Number.isSafeInteger) && from >= 0 && from < to && to <= size;

function requireRange(range: LeafRange, size: number): void {
  if (!isRange(range, size)) {
    throw new RangeError(`there are no leaves from ${range.from} to ${range.to} in a tree of ${size}`);
  }
}

const isBeside = (part: LeafRange, range: LeafRange): boolean => part.to <= range.from || part.from >= range.to;
const isInside = (part: LeafRange, range: LeafRange): boolean => part.from >= range.from && part.to <= range.to;

function halvesOf({ from, to }: LeafRange): readonly [LeafRange, LeafRange] {
  const middle = from + splitOf(to - from);
  return [
    { from, to: middle },
    { from: middle, to },
  ];
}
