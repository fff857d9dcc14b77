import type { StoredTileHash } from './record.js';

/** The name of the lease of the process that takes censuses. */
export const CENSUS = 'census';

/** What the census says of a chain, over the entries that are counted so far. */
export interface StoredCensusChain {
  readonly chain: string;
  readonly owner: string | null;
  readonly n: number;
  readonly head: Buffer;
  readonly minAt: string;
  readonly maxAt: string;
  /** Its place in the order of the census. */
  readonly key: Buffer;
}

export interface CensusState {
  /** The entries that the stored chains count. */
  readonly counted: number;
  /** The tree over the chains. Undefined while further entries are counted. */
  readonly built?: BuiltCensus;
  /** The id of `CensusTaken`. Undefined until it is appended. */
  readonly event?: string;
  /** The time of the last census, or of the first entry. ISO 8601 in UTC with milliseconds. */
  readonly since: string;
}

export interface BuiltCensus {
  readonly size: number;
  readonly count: number;
  readonly root: Buffer;
}

/** The tree over the chains of a tenant: what the store needs beside the chains to answer for any place of it. */
export interface CensusTree extends BuiltCensus {
  readonly tileHashes: readonly Omit<StoredTileHash, 'tenant'>[];
  /** The key of each leaf whose place is a multiple of the width of a tile. */
  readonly firstKeys: readonly Buffer[];
}

/** Questions about the last census of one tenant. Places are numbers of leaves, in the order of their keys. */
export interface CensusQueries {
  state(tenant: string): Promise<CensusState | undefined>;
  chain(tenant: string, name: string): Promise<StoredCensusChain | undefined>;
  /** The number of chains whose key is lower than this one. */
  placeOf(tenant: string, key: Buffer): Promise<number>;
  /** Chains from a place on, in order. */
  chainsAt(tenant: string, place: number, count: number): Promise<readonly StoredCensusChain[]>;
  /** The hashes of a tile above level 0, at most `width`. */
  tile(tenant: string, tile: { readonly level: number; readonly index: number }, width: number): Promise<Buffer[]>;
}

/** Counts the chains of each tenant up to an index, and keeps the tree over them. Throws RetryableError when it is away. */
export interface CensusStore extends CensusQueries {
  /**
   * Tenants without a state, whose last census was not finished, or whose tree has more news than the census itself and whose
   * last census was before this time.
   */
  due(takenBefore: string, tenantsMax: number): Promise<readonly string[]>;
  /** Begins the state of a tenant that gets its first census later. */
  begin(tenant: string, since: string): Promise<void>;
  chains(tenant: string, names: readonly string[]): Promise<readonly StoredCensusChain[]>;
  /**
   * Writes chains and moves the count, in one flushed transaction; the tree is gone. False, without a write, if the count is not
   * at `from`.
   */
  count(tenant: string, counted: CountedPart): Promise<boolean>;
  /** Chains after a key, in the order of keys. */
  chainsAfter(tenant: string, key: Buffer, count: number): Promise<readonly StoredCensusChain[]>;
  /** Replaces the tree. False, without a write, if the chains do not count exactly its size. */
  build(tenant: string, tree: CensusTree): Promise<boolean>;
  /** Remembers the event of the census of this size. */
  taken(tenant: string, size: number, event: string, at: string): Promise<void>;
}

export interface CountedPart {
  readonly from: number;
  readonly to: number;
  readonly chains: readonly StoredCensusChain[];
  /** For the first part of a tenant. */
  readonly since: string;
}
