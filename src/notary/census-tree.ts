import {
  blindLeaf,
  type CountedChain,
  type CountedEntry,
  censusLeafHash,
  chainKey,
  chainWith,
} from '../formats/record-1/census.js';
import { Frontier } from '../formats/record-1/frontier.js';
import { storedInTiles, TILE_WIDTH } from '../formats/record-1/tiles.js';
import type { CensusTree, StoredCensusChain } from '../ports/census.js';
import type { StoredEntry, StoredTileHash } from '../ports/record.js';

/** The chains that these entries change, from what is counted of them before. */
export function chainsAfterEntries(
  before: readonly CountedChain[],
  entries: readonly StoredEntry[],
): readonly StoredCensusChain[] {
  const counted = new Map(before.map((chain) => [chain.chain, chain]));
  const changed = new Set<string>();
  for (const { leaf, hash } of entries) {
    const entry: CountedEntry = JSON.parse(leaf);
    counted.set(entry.chain, chainWith(counted.get(entry.chain), entry, hash));
    changed.add(entry.chain);
  }
  return [...changed].map((name) => {
    const chain = counted.get(name) as CountedChain;
    return { ...chain, key: chainKey(chain) };
  });
}

export const chainOfEntry = ({ leaf }: StoredEntry): string => JSON.parse(leaf).chain;

/** Grows while the chains are read in the order of their keys. It holds the hashes above level 0 only. */
export class GrowingCensus {
  private readonly tree = new Frontier();
  private readonly tileHashes: Omit<StoredTileHash, 'tenant'>[] = [];
  private readonly firstKeys: Buffer[] = [];

  add(chain: StoredCensusChain): void {
    if (this.tree.size % TILE_WIDTH === 0) this.firstKeys.push(chain.key);
    this.tileHashes.push(...storedInTiles(this.tree.add(censusLeafHash(blindLeaf(chain)))));
  }

  built(size: number): CensusTree {
    const { tree, tileHashes, firstKeys } = this;
    return { size, count: tree.size, root: tree.root(), tileHashes, firstKeys };
  }
}
