import { PersistentMap } from './persistent-map.js';

/** Where a node is in the tree. */
export interface NodePlace {
  readonly kind: 'message' | 'note' | 'reply';
  readonly parent: string | null;
  /** The number of ledger events up to this node: the first part of its cursor, and the order of nodes. */
  readonly seen: number;
  /** The root of its path, and the number of nodes before it, so that they are known without a walk. */
  readonly root: string;
  readonly depth: number;
}

interface Placed extends NodePlace {
  readonly id: string;
}

/** The nodes of a kept fold (ADR 69). A node that is not loaded is known by its place alone. */
export interface NodesBeneath<N extends Placed> {
  readonly size: number;
  place(id: string): NodePlace | undefined;
  /** Throws NotLoaded. */
  get(id: string): N | undefined;
  /** The ids in the order of their nodes. */
  idAt(nth: number): string;
}

const none: NodesBeneath<never> = { size: 0, place: () => undefined, get: () => undefined, idAt: () => '' };

/**
 * The nodes of a conversation, by their ids: those of a kept fold, and over them those that were added or changed since. A
 * change returns new nodes and leaves these as they are.
 */
export class Nodes<N extends Placed> {
  private constructor(
    readonly beneath: NodesBeneath<N>,
    private readonly over: PersistentMap<N>,
    readonly size: number,
  ) {}

  static empty<N extends Placed>(): Nodes<N> {
    return Nodes.over<N>(none);
  }

  static over<N extends Placed>(beneath: NodesBeneath<N>): Nodes<N> {
    return new Nodes(beneath, PersistentMap.empty(), beneath.size);
  }

  has(id: string): boolean {
    return this.place(id) !== undefined;
  }

  /** Loads nothing. */
  place(id: string): NodePlace | undefined {
    return this.over.get(id) ?? this.beneath.place(id);
  }

  /** Throws NotLoaded for a node of a kept fold that is not loaded. */
  get(id: string): N | undefined {
    return this.over.get(id) ?? this.beneath.get(id);
  }

  set(id: string, node: N): Nodes<N> {
    return new Nodes(this.beneath, this.over.set(id, node), this.has(id) ? this.size : this.size + 1);
  }

  /** The nodes that were added or changed since the kept fold, in no particular order. */
  changed(): Iterable<N> {
    return this.over.values();
  }

  /** Those that came before a number of events. Only the nodes that the caller takes have to be loaded. */
  *newestFirst(before: number = Number.POSITIVE_INFINITY): Iterable<N> {
    const { beneath } = this;
    const added = [...this.over.values()].filter(({ id, seen }) => seen < before && !beneath.place(id));
    yield* added.sort((one, other) => other.seen - one.seen);
    for (let nth = beneath.size - 1; nth >= 0; nth--) {
      const id = beneath.idAt(nth);
      if ((beneath.place(id) as NodePlace).seen < before) yield this.get(id) as N;
    }
  }
}
