/**
 * A persistent map (hash array mapped trie): `set` returns a new map that shares all branches but those on the way to the
 * entry. So each event of a long conversation costs the same, a state never changes, and a decision can fold its own events
 * without a copy. A Map would have to be copied for each event.
 */
export class PersistentMap<V> {
  private constructor(
    private readonly root: Slot<V>,
    readonly size: number,
  ) {}

  static empty<V>(): PersistentMap<V> {
    return new PersistentMap<V>(undefined, 0);
  }

  get(key: string): V | undefined {
    const hash = hashOf(key);
    let slot = this.root;
    for (let shift = 0; isBranch(slot); shift += BITS) slot = slot[wayOf(hash, shift)];
    let leaf: Leaf<V> | undefined = slot;
    while (leaf && leaf.key !== key) leaf = leaf.beside;
    return leaf?.value;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  set(key: string, value: V): PersistentMap<V> {
    const leaf = { hash: hashOf(key), key, value, beside: undefined };
    return new PersistentMap(put(this.root, leaf, 0), this.has(key) ? this.size : this.size + 1);
  }

  /** In no particular order. */
  values(): Iterable<V> {
    return valuesOf(this.root);
  }
}

interface Leaf<V> {
  readonly hash: number;
  readonly key: string;
  readonly value: V;
  /** The next entry with the same hash. */
  readonly beside: Leaf<V> | undefined;
}

type Branch<V> = readonly Slot<V>[];
type Slot<V> = Branch<V> | Leaf<V> | undefined;

const BITS = 4;
const WAYS = 2 ** BITS;

const wayOf = (hash: number, shift: number): number => (hash >>> shift) & (WAYS - 1);

const isBranch = <V>(slot: Slot<V>): slot is Branch<V> => Array.isArray(slot);

function put<V>(slot: Slot<V>, leaf: Leaf<V>, shift: number): Slot<V> {
  if (slot === undefined) return leaf;
  if (isBranch(slot)) return replaced(slot, leaf, shift);
  if (slot.hash === leaf.hash) return { ...leaf, beside: without(slot, leaf.key) };
  // Two hashes share this slot: both move one level down.
  return replaced(replaced(new Array(WAYS).fill(undefined), slot, shift), leaf, shift);
}

function without<V>(leaf: Leaf<V> | undefined, key: string): Leaf<V> | undefined {
  if (leaf === undefined || leaf.key === key) return leaf?.beside;
  return { ...leaf, beside: without(leaf.beside, key) };
}

function replaced<V>(branch: Branch<V>, leaf: Leaf<V>, shift: number): Branch<V> {
  const way = wayOf(leaf.hash, shift);
  return branch.with(way, put(branch[way], leaf, shift + BITS));
}

function* valuesOf<V>(slot: Slot<V>): Iterable<V> {
  if (isBranch(slot)) for (const inner of slot) yield* valuesOf(inner);
  else for (let leaf = slot; leaf; leaf = leaf.beside) yield leaf.value;
}

/** FNV-1a, 32 bits. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return hash;
}
