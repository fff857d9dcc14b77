import { type Frontier, rootOf, type TreeNode } from './frontier.js';
import { base64, HASH_BYTES, type Hash } from './hashes.js';

/** C2SP tlog-tiles: a tile has 2^8 nodes of every eighth level. */
const TILE_LEVELS = 8;
export const TILE_WIDTH = 2 ** TILE_LEVELS;
const LEVEL_MAX = 63;

/** A tile: its hashes are the nodes `index * 256` and up to 255 following ones, on level `level * 8` of the tree. */
export interface Tile {
  readonly level: number;
  readonly index: number;
}

/** A tile as it is asked for. A width below 256 is a part of it, from its beginning. */
export interface TileSlice extends Tile {
  readonly width: number;
}

/** The nodes of a tile that exist in a tree of this size. At most 0 if the tile does not exist yet. */
export const widthAt = (size: number, { level, index }: Tile): number =>
  Math.min(TILE_WIDTH, Math.floor(size / TILE_WIDTH ** level) - index * TILE_WIDTH);

/** The hashes of a tile from which one node can be computed. */
export interface NodesInTile extends Tile {
  readonly from: number;
  readonly count: number;
}

export function tileOf({ level, index }: TreeNode): NodesInTile {
  const count = 2 ** (level % TILE_LEVELS);
  const first = index * count;
  const tile = Math.floor(first / TILE_WIDTH);
  return { level: Math.floor(level / TILE_LEVELS), index: tile, from: first - tile * TILE_WIDTH, count };
}

export const nodeInTile = ({ from, count }: NodesInTile, tile: readonly Hash[]): Hash =>
  rootOf(tile.slice(from, from + count));

/** Of the nodes that a leaf completes, those that tiles store above level 0. */
export const storedInTiles = (completed: ReturnType<Frontier['add']>): (Tile & { readonly hash: Hash })[] =>
  completed.flatMap(({ level, index, hash }) =>
    level % TILE_LEVELS === 0 ? [{ level: level / TILE_LEVELS, index, hash }] : [],
  );

export const tileBytes = (hashes: readonly Hash[]): Buffer => Buffer.concat(hashes, hashes.length * HASH_BYTES);

/** A bundle of entries: each after its length in two bytes, big-endian. */
export function bundleBytes(entries: readonly string[]): Buffer {
  return Buffer.concat(
    entries.flatMap((entry) => {
      const bytes = Buffer.from(entry, 'utf8');
      const length = Buffer.alloc(2);
      length.writeUInt16BE(bytes.length);
      return [length, bytes];
    }),
  );
}

/** `<L>/<N>[.p/<W>]` of a tile. Undefined for a path that is not written as C2SP demands. */
export function parseTilePath(path: string): TileSlice | undefined {
  const [, digits, rest] = /^(0|[1-9]\d?)\/(.+)$/.exec(path) ?? [];
  const level = Number(digits);
  if (rest === undefined || level > LEVEL_MAX) return undefined;
  const bundle = parseBundlePath(rest);
  return bundle && { level, ...bundle };
}

/** `<N>[.p/<W>]` of a bundle of entries. */
export function parseBundlePath(path: string): Omit<TileSlice, 'level'> | undefined {
  const [, groups, part] = /^((?:x\d{3}\/){0,4}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(path) ?? [];
  if (groups === undefined) return undefined;
  const index = Number(groups.replaceAll(/[x/]/g, ''));
  const width = part === undefined ? TILE_WIDTH : Number(part);
  const isCanonical = indexPath(index) === groups && (part === undefined || width < TILE_WIDTH);
  return isCanonical ? { index, width } : undefined;
}

/** `x001/x234/067`: groups of three digits, all but the last one marked by an `x`. */
export function indexPath(index: number): string {
  const last = String(index % 1_000).padStart(3, '0');
  const before = Math.floor(index / 1_000);
  return before === 0 ? last : `${markedGroups(before)}/${last}`;
}

function markedGroups(index: number): string {
  const group = `x${String(index % 1_000).padStart(3, '0')}`;
  const before = Math.floor(index / 1_000);
  return before === 0 ? group : `${markedGroups(before)}/${group}`;
}

/** C2SP tlog-proof: an inclusion proof with the note that it leads to. */
export const proofText = (index: number, path: readonly Hash[], note: string): string =>
  ['c2sp.org/tlog-proof@v1', `index ${index}`, ...path.map(base64), '', note].join('\n');
