import type { Hash } from '../formats/record-1/hashes.js';
import type { StoredHead } from '../ports/record.js';

interface MadeHead {
  readonly next: number;
  readonly hash: Hash;
  /** The number of its entries in the part of the tree that was stored before the stored heads were read. */
  readonly due: number;
}

/** The ends of chains or owners as the log makes them, compared with the stored ones. The notary may store later ones meanwhile. */
export class HeadsCheck {
  private readonly made = new Map<string, MadeHead>();
  private readonly right = new Set<string>();

  constructor(
    private readonly stored: ReadonlyMap<string, StoredHead>,
    /** Of the tree before the stored heads were read. */
    private readonly size: number,
  ) {}

  at(name: string): { readonly next: number; readonly hash: Hash | null } {
    return this.made.get(name) ?? { next: 0, hash: null };
  }

  advance(name: string, entry: number, hash: Hash): void {
    const next = this.at(name).next + 1;
    const due = entry < this.size ? next : (this.made.get(name)?.due ?? 0);
    this.made.set(name, { next, hash, due });
    const stored = this.stored.get(name);
    if (stored?.next === next && stored.entry === entry && stored.hash.equals(hash)) this.right.add(name);
  }

  /** The names whose stored end is another one, an earlier one, or missing. */
  wrong(): string[] {
    const names = new Set([...this.made.keys(), ...this.stored.keys()]);
    return [...names].filter((name) => {
      const due = this.made.get(name)?.due ?? 0;
      const stored = this.stored.get(name);
      return stored ? !this.right.has(name) || stored.next < due : due > 0;
    });
  }
}
