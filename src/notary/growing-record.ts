import {
  type ChainLink,
  EntryTooLong,
  type EventFacts,
  eventEntry,
  needsOwnerLink,
  type OwnerLink,
  type TapeFacts,
  tapeEntry,
  writtenOrTooLong,
} from '../formats/record-1/entry.js';
import { Frontier } from '../formats/record-1/frontier.js';
import { type Hash, leafHash } from '../formats/record-1/hashes.js';
import { storedInTiles } from '../formats/record-1/tiles.js';
import type {
  HeadName,
  LoadedHead,
  RecordStep,
  StoredEntry,
  StoredHead,
  StoredHeads,
  StoredTileHash,
} from '../ports/record.js';
import { faultsIn } from './stored-faults.js';

/** The trees, chains and owners that a step continues, and what it adds to them. */
export class GrowingRecord {
  private readonly trees: ReadonlyMap<string, Frontier>;
  private readonly chains: ChainEnds;
  private readonly owners: ChainEnds;
  private readonly reasons = new Map<string, string>();
  /** Of the last entry of each stream. */
  private readonly revisions: Map<string, number>;
  private readonly entries: StoredEntry[] = [];
  private readonly tileHashes: StoredTileHash[] = [];
  private readonly grown = new Set<string>();

  constructor(heads: StoredHeads, tenants: readonly string[]) {
    this.trees = new Map([
      ...tenants.map((tenant) => [tenant, new Frontier()] as const),
      ...heads.trees.map(({ tenant, size, edge }) => [tenant, Frontier.at(size, edge)] as const),
    ]);
    for (const { tenant, stopped } of heads.trees) if (stopped !== null) this.reasons.set(tenant, stopped);
    this.chains = new ChainEnds(heads.chains);
    this.owners = new ChainEnds(heads.owners);
    this.revisions = new Map(heads.streams.map((stream) => [keyOf(stream), stream.revision]));
    for (const [tenant, fault] of faultsIn(heads)) this.stop(tenant, fault);
  }

  /** Whether the record has the entry of this tape: what follows on it has entries of its own. */
  hasTape(tenant: string, stream: string): boolean {
    return this.lastRevision(tenant, stream) !== undefined;
  }

  /** Undefined if the stream has no entry. */
  lastRevision(tenant: string, stream: string): number | undefined {
    return this.revisions.get(keyOf({ tenant, name: stream }));
  }

  isStopped(tenant: string): boolean {
    return this.reasons.has(tenant);
  }

  /** From here on the tenant gets no entries. */
  stop(tenant: string, reason: string): void {
    if (this.isStopped(tenant)) return;
    this.reasons.set(tenant, reason);
    this.grown.add(tenant);
  }

  addEvent(facts: EventFacts): void {
    this.add(facts, (link, ownerLink) => eventEntry(facts, link, ownerLink));
  }

  addTape(seal: EventFacts, tape: TapeFacts): void {
    this.add(seal, (link, ownerLink) => tapeEntry(seal, tape, link, ownerLink));
  }

  /** What the step writes. */
  changes(): Omit<RecordStep, 'from' | 'to'> {
    const trees = [...this.grown].map((tenant) => {
      const tree = this.treeOf(tenant);
      return { tenant, size: tree.size, edge: tree.hashes, stopped: this.reasons.get(tenant) ?? null };
    });
    return {
      entries: this.entries,
      tileHashes: this.tileHashes,
      trees,
      chains: this.chains.changed(),
      owners: this.owners.changed(),
    };
  }

  private add(facts: EventFacts, entryAt: (link: ChainLink, ownerLink?: OwnerLink) => string): void {
    const { tenant, stream, revision, id } = facts.event;
    if (this.isStopped(tenant)) return;
    const chain = { tenant, name: facts.chain };
    const { next: n, hash: prev } = this.chains.at(chain);
    const link = { n, prev };
    const owner = needsOwnerLink(facts, link) ? { tenant, name: facts.owner as string } : undefined;
    const leaf = writtenOrTooLong(() => entryAt(link, owner && this.ownerLinkOf(owner)));
    if (leaf instanceof EntryTooLong) {
      this.stop(tenant, leaf.message);
      return;
    }
    const hash = leafHash(leaf);
    const tree = this.treeOf(tenant);
    const index = tree.size;
    this.entries.push({ tenant, index, stream, revision, event: id, leaf, hash });
    for (const stored of storedInTiles(tree.add(hash))) this.tileHashes.push({ tenant, ...stored });
    this.chains.advance(chain, index, hash);
    if (owner) this.owners.advance(owner, index, hash);
    this.revisions.set(keyOf({ tenant, name: stream }), revision);
    this.grown.add(tenant);
  }

  private ownerLinkOf(owner: HeadName): OwnerLink {
    const { next: on, hash: oprev } = this.owners.at(owner);
    return { on, oprev };
  }

  private treeOf(tenant: string): Frontier {
    return this.trees.get(tenant) as Frontier;
  }
}

/** The ends of chains, or of the conversations of owners. */
class ChainEnds {
  private readonly heads: Map<string, StoredHead>;
  private readonly advanced = new Set<string>();

  constructor(loaded: readonly LoadedHead[]) {
    this.heads = new Map(loaded.flatMap(({ head }) => (head ? [[keyOf(head), head] as const] : [])));
  }

  at(name: HeadName): { readonly next: number; readonly hash: Hash | null } {
    return this.heads.get(keyOf(name)) ?? { next: 0, hash: null };
  }

  advance(name: HeadName, entry: number, hash: Hash): void {
    const key = keyOf(name);
    this.heads.set(key, { ...name, next: this.at(name).next + 1, entry, hash });
    this.advanced.add(key);
  }

  changed(): StoredHead[] {
    return [...this.advanced].map((key) => this.heads.get(key) as StoredHead);
  }
}

/** A tenant has no space in its name. */
const keyOf = ({ tenant, name }: HeadName): string => `${tenant} ${name}`;
