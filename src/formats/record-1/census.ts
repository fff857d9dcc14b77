import { canonicalJson } from './canonical-json.js';
import { rootOf } from './frontier.js';
import { base64, HASH_BYTES, type Hash, sha256 } from './hashes.js';
import { rootFromRange } from './range-proof.js';

/** What the census says of a chain, over the entries that the census counts. */
export interface CountedChain {
  readonly chain: string;
  /** Of the first entry of the chain that has an owner. */
  readonly owner: string | null;
  /** The number of the last entry in the chain, so one less than the chain has entries. */
  readonly n: number;
  /** The leaf hash of that entry. */
  readonly head: Hash;
  readonly minAt: string;
  readonly maxAt: string;
}

/** The members of an entry that the census needs. */
export interface CountedEntry {
  readonly at: string;
  readonly chain: string;
  readonly n: number;
  readonly owner: string | null;
}

/** The chain with one more entry, whose leaf hash is `head`. */
export function chainWith(before: CountedChain | undefined, entry: CountedEntry, head: Hash): CountedChain {
  const { at, chain, n, owner } = entry;
  return {
    ...{ chain, n, head, owner: before?.owner ?? owner },
    minAt: before && before.minAt < at ? before.minAt : at,
    maxAt: before && before.maxAt > at ? before.maxAt : at,
  };
}

/** A leaf as a reader sees it who may not know its chain: its place in the order, and the hash of its text. */
export interface BlindLeaf {
  readonly key: Buffer;
  readonly text: Hash;
}

const KEY_BYTES = 2 * HASH_BYTES;
const KEY_PREFIX = 'verbatim/census/1\n';

const keyPart = (name: string): Hash => sha256(`${KEY_PREFIX}${name}`);

/** The first half of the keys of all chains of an owner. */
export const ownerKey = (owner: string | null): Buffer => keyPart(owner ?? '');

/**
 * The place of a chain in the order of the census: the chains of an owner are neighbours. It is hashes of random names, so a
 * neighbour that a proof shows names neither a user nor a conversation.
 */
export const chainKey = ({ owner, chain }: Pick<CountedChain, 'owner' | 'chain'>): Buffer =>
  Buffer.concat([ownerKey(owner), keyPart(chain)]);

export const censusLeaf = ({ chain, head, maxAt, minAt, n, owner }: CountedChain): string =>
  canonicalJson({ chain, head: base64(head), maxAt, minAt, n, owner });

export const blindLeaf = (chain: CountedChain): BlindLeaf => ({
  key: chainKey(chain),
  text: sha256(censusLeaf(chain)),
});

const LEAF_PREFIX = Buffer.from([0]);

/** The leaf hash of RFC 6962. The leaf is the key and the hash of the text. */
export const censusLeafHash = ({ key, text }: BlindLeaf): Hash => sha256(Buffer.concat([LEAF_PREFIX, key, text]));

/** What `CensusTaken` commits to. */
export interface Census {
  /** The entries that it counts: those before this index. */
  readonly size: number;
  /** Chains. */
  readonly count: number;
  readonly root: Hash;
}

export function censusOf(size: number, chains: Iterable<CountedChain>): Census {
  const leaves = Array.from(chains, blindLeaf).sort((one, other) => one.key.compare(other.key));
  return { size, count: leaves.length, root: rootOf(leaves.map(censusLeafHash)) };
}

/** Chains that are neighbours in the order of a census, with the leaf before and the leaf after them unless there is none. */
export interface CensusRange {
  /** The place of the first chain. Without chains: the place that they would have. */
  readonly from: number;
  readonly chains: readonly CountedChain[];
  readonly before: BlindLeaf | null;
  readonly after: BlindLeaf | null;
  readonly path: readonly Hash[];
}

/**
 * Whether the census has exactly these chains of the asked ones: of one owner, one chain, or all. It may show a part, from a
 * place on: then `isFirst` or `isLast` is false, and the leaf beside the part is one of the asked chains.
 */
export interface ProvenRange {
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/** Undefined if the range is not in the census, or is not in the order of keys. `prefix` begins the keys of the asked chains. */
export function provenRange(census: Census, range: CensusRange, prefix: Buffer): ProvenRange | undefined {
  const { before, after, from, chains, path } = range;
  const leaves = [...(before ? [before] : []), ...chains.map(blindLeaf), ...(after ? [after] : [])];
  const first = from - (before ? 1 : 0);
  const isWhole = before !== null || from === 0;
  const isToEnd = after !== null || from + chains.length === census.count;
  if (!isWhole || !isToEnd || !isOrdered(leaves)) return undefined;
  if (!chains.every((chain) => hasPrefix(chainKey(chain), prefix))) return undefined;
  if (leaves.length === 0) return census.root.equals(sha256('')) ? { isFirst: true, isLast: true } : undefined;
  const root = rootFromRange(first, leaves.map(censusLeafHash), census.count, path);
  if (!root?.equals(census.root)) return undefined;
  // Without chains, the asked ones would be between the two leaves.
  const isBetween = chains.length > 0 || ((!before || isBelow(before, prefix)) && (!after || isAbove(after, prefix)));
  if (!isBetween) return undefined;
  return {
    isFirst: before === null || !hasPrefix(before.key, prefix),
    isLast: after === null || !hasPrefix(after.key, prefix),
  };
}

export const hasPrefix = (key: Buffer, prefix: Buffer): boolean => key.subarray(0, prefix.length).equals(prefix);

const isBelow = ({ key }: BlindLeaf, prefix: Buffer): boolean => key.subarray(0, prefix.length).compare(prefix) < 0;
const isAbove = ({ key }: BlindLeaf, prefix: Buffer): boolean => key.subarray(0, prefix.length).compare(prefix) > 0;

const isOrdered = (leaves: readonly BlindLeaf[]): boolean =>
  leaves.every(
    ({ key }, nth) => key.length === KEY_BYTES && (nth === 0 || (leaves[nth - 1] as BlindLeaf).key.compare(key) < 0),
  );
