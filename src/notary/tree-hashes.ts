import { edgeOf, Frontier, type TreeNode } from '../formats/record-1/frontier.js';
import type { Hash } from '../formats/record-1/hashes.js';
import { consistencyRanges, inclusionRanges, type LeafRange } from '../formats/record-1/proofs.js';
import { nodeInTile, TILE_WIDTH, tileOf } from '../formats/record-1/tiles.js';
import { RetryableError } from '../ports/errors.js';
import type { RecordQueries } from '../ports/record.js';

/** The tree is smaller than its last note says: it is being built again. */
export class RecordIncomplete extends RetryableError {}

/** Computes roots and proofs of one tenant's tree from its tiles. It reads each tile once, so it is made for one question. */
export class TreeHashes {
  private readonly tiles = new Map<string, Promise<readonly Hash[]>>();

  constructor(
    private readonly record: Pick<RecordQueries, 'tile'>,
    private readonly tenant: string,
  ) {}

  async root(size: number): Promise<Hash> {
    return size === 0 ? new Frontier().root() : this.subtree({ from: 0, to: size });
  }

  inclusion(index: number, size: number): Promise<Hash[]> {
    return this.subtrees(inclusionRanges(index, size));
  }

  consistency(first: number, size: number): Promise<Hash[]> {
    return this.subtrees(consistencyRanges(first, size));
  }

  /** The roots of subtrees. */
  subtrees(ranges: readonly LeafRange[]): Promise<Hash[]> {
    return Promise.all(ranges.map((range) => this.subtree(range)));
  }

  private async subtree({ from, to }: LeafRange): Promise<Hash> {
    const nodes = await Promise.all(edgeOf(to - from, from).map((node) => this.node(node)));
    return Frontier.at(to - from, nodes).root();
  }

  private async node(node: TreeNode): Promise<Hash> {
    const place = tileOf(node);
    const key = `${place.level}/${place.index}`;
    const tile = this.tiles.get(key) ?? this.record.tile(this.tenant, place, TILE_WIDTH);
    this.tiles.set(key, tile);
    const hashes = await tile;
    if (hashes.length < place.from + place.count) throw new RecordIncomplete('the record is being built again');
    return nodeInTile(place, hashes);
  }
}
