import { HASH_BYTES, joined, utf8, type VerifierCrypto } from './bytes.js';

type Hashing = Pick<VerifierCrypto, 'sha256'>;

export const leafHash = ({ sha256 }: Hashing, leaf: string): Uint8Array => sha256(utf8(`\0${leaf}`));

function nodeHash({ sha256 }: Hashing, left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(joined(Uint8Array.of(1), left, right));
}

/** The Merkle Tree Hash of leaves that come one after the other. */
export class GrowingTree {
  size = 0;
  /** The roots of perfect subtrees, of falling size. */
  private readonly edge: Uint8Array[] = [];

  constructor(private readonly crypto: Hashing) {}

  add(leaf: Uint8Array): void {
    let hash = leaf;
    for (let rest = this.size; rest % 2 === 1; rest = (rest - 1) / 2) {
      hash = nodeHash(this.crypto, this.edge.pop() as Uint8Array, hash);
    }
    this.edge.push(hash);
    this.size++;
  }

  root(): Uint8Array {
    if (this.edge.length === 0) return this.crypto.sha256(new Uint8Array());
    return this.edge.reduceRight((right, left) => nodeHash(this.crypto, left, right));
  }
}

/** A hash that a proof gives for a subtree. */
export interface ProofLine {
  readonly level: number;
  readonly index: number;
  readonly hash: Uint8Array;
}

/** The hashes of some leaves, by their indices. */
export interface ProvenLeaves {
  /** Sorted. */
  readonly indices: readonly number[];
  readonly hashes: readonly Uint8Array[];
}

/**
 * The root to which leaves and a proof lead in a tree of this size: MTH of RFC 6962, where subtrees without a proven leaf come from
 * the proof, in this order. Undefined if the proof has another line than the tree needs there.
 */
export function rootOf(
  crypto: Hashing,
  size: number,
  { indices, hashes }: ProvenLeaves,
  proof: readonly ProofLine[],
): Uint8Array | undefined {
  let [place, line] = [0, 0];
  const root = subtree(0, size);
  return line === proof.length && place === indices.length ? root : undefined;

  function subtree(from: number, to: number): Uint8Array | undefined {
    const next = indices[place];
    if (next === undefined || next >= to) return given(from, to);
    if (to - from === 1) return hashes[place++];
    const middle = from + 2 ** (levelOf(to - from) - 1);
    const left = subtree(from, middle);
    const right = left && subtree(middle, to);
    return right && nodeHash(crypto, left, right);
  }

  function given(from: number, to: number): Uint8Array | undefined {
    const level = levelOf(to - from);
    const named = proof[line++];
    return named?.level === level && named.index === from / 2 ** level ? named.hash : undefined;
  }
}

/** The lowest level whose nodes have so many leaves. */
function levelOf(leaves: number): number {
  let level = 0;
  while (2 ** level < leaves) level++;
  return level;
}

/** The leaf hashes of a whole tree, which may come in any order. */
export class AllLeaves {
  private readonly hashes: Uint8Array;
  private readonly isThere: Uint8Array;
  count = 0;

  constructor(readonly size: number) {
    this.hashes = new Uint8Array(size * HASH_BYTES);
    this.isThere = new Uint8Array(size);
  }

  /** False if there is one already, or if the tree has no such leaf. */
  add(index: number, hash: Uint8Array): boolean {
    if (index >= this.size || this.isThere[index] === 1) return false;
    this.hashes.set(hash, index * HASH_BYTES);
    this.isThere[index] = 1;
    this.count++;
    return true;
  }

  firstMissing(): number | undefined {
    const index = this.isThere.indexOf(0);
    return index < 0 ? undefined : index;
  }

  /** Of the tree of the first leaves. */
  root(crypto: Hashing, size = this.size): Uint8Array {
    const tree = new GrowingTree(crypto);
    for (let at = 0; at < size; at++) tree.add(this.hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES));
    return tree.root();
  }
}
