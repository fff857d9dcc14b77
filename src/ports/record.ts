import type { Position } from '../events/envelope.js';

/** The name of the notary's lease and of its checkpoint. */
export const NOTARY = 'notary';

/** An entry of the record, with its leaf hash and the event at whose place it lies. */
export interface StoredEntry {
  readonly tenant: string;
  readonly index: number;
  readonly stream: string;
  readonly revision: number;
  readonly event: string;
  readonly leaf: string;
  readonly hash: Buffer;
}

/** A hash in a tile above level 0. */
export interface StoredTileHash {
  readonly tenant: string;
  readonly level: number;
  readonly index: number;
  readonly hash: Buffer;
}

/** How far the tree of a tenant has grown, with the hashes of its right edge. */
export interface StoredTreeEdge {
  readonly tenant: string;
  readonly size: number;
  readonly edge: readonly Buffer[];
  /** Why the tree does not grow any more. Null while it does. */
  readonly stopped: string | null;
}

/** A tree, and the number of its entries in their own table: the index of the last one, and one more. */
export interface LoadedTree extends StoredTreeEdge {
  readonly entries: number;
}

/** A chain or an owner: the next number in it, and the index and the leaf hash of its last entry. */
export interface StoredHead {
  readonly tenant: string;
  readonly name: string;
  readonly next: number;
  readonly entry: number;
  readonly hash: Buffer;
}

export type HeadName = Pick<StoredHead, 'tenant' | 'name'>;

/** A chain or an owner, and what the entries say about it. */
export interface LoadedHead extends HeadName {
  /** Null: none is stored, although there are entries. */
  readonly head: StoredHead | null;
  /** The entry that the head names. Null: it is not stored. */
  readonly leaf: string | null;
  /** The index of the newest entry: of the owner's links, or in the stream that has the name of the chain. */
  readonly newest: number | null;
}

/** The last entry of a stream. */
export interface LoadedStream extends HeadName {
  readonly revision: number;
}

export type HeadKind = 'chains' | 'owners';

/** What one step continues. What is not stored yet is absent. */
export interface StoredHeads {
  readonly trees: readonly LoadedTree[];
  readonly chains: readonly LoadedHead[];
  readonly owners: readonly LoadedHead[];
  readonly streams: readonly LoadedStream[];
}

export interface WantedHeads {
  readonly tenants: readonly string[];
  readonly chains: readonly HeadName[];
  readonly owners: readonly HeadName[];
  readonly streams: readonly HeadName[];
}

/** The entries of a part of the log, and everything that they change. */
export interface RecordStep {
  readonly from: Position;
  readonly to: Position;
  readonly entries: readonly StoredEntry[];
  readonly tileHashes: readonly StoredTileHash[];
  readonly trees: readonly StoredTreeEdge[];
  readonly chains: readonly StoredHead[];
  readonly owners: readonly StoredHead[];
}

export interface WrittenStep {
  /** Why trees were stopped, by tenant. */
  readonly refused: ReadonlyMap<string, string>;
}

export interface StoredNote {
  readonly tenant: string;
  readonly size: number;
  readonly note: string;
  /** The key that verifies it, so that processes without the signing key can publish it. */
  readonly verifierKey: string;
  /** ISO 8601 in UTC with milliseconds. */
  readonly at: string;
}

/** Where a key ended that signed the notes of a tenant before. */
export interface StoredKeyEnd {
  readonly tenant: string;
  readonly verifierKey: string;
  /** The last size that it signed. */
  readonly size: number;
  /** The note of this size. The next key has signed it too, unless the earlier one was lost. */
  readonly note: string;
  /** ISO 8601 in UTC with milliseconds. */
  readonly at: string;
}

export interface SigningResult {
  readonly notes: readonly StoredNote[];
  readonly ended: readonly StoredKeyEnd[];
  readonly refused: ReadonlyMap<string, string | null>;
}

/** The writer's lease, by whose epoch a replaced writer is refused. */
export interface Writer {
  readonly name: string;
  readonly epoch: number;
}

/** An entry in the order of chains. An index of -1 is the place before a chain. */
export interface ChainPlace {
  readonly chain: string;
  readonly index: number;
}

/** Questions about the record of one tenant. Every answer is of that tenant alone. */
export interface RecordQueries {
  /** The note of the largest signed tree. */
  lastNote(tenant: string): Promise<StoredNote | undefined>;
  /** The note of the tree of this size, if it is kept. */
  noteOf(tenant: string, size: number): Promise<StoredNote | undefined>;
  /** The keys that signed before the present one, the first one first. */
  keyEnds(tenant: string): Promise<StoredKeyEnd[]>;
  /** The hashes of a tile, as far as they are stored, at most `width`. */
  tile(tenant: string, tile: { readonly level: number; readonly index: number }, width: number): Promise<Buffer[]>;
  /** Entries from an index on, in order. */
  entries(tenant: string, from: number, count: number): Promise<StoredEntry[]>;
  /** Entries with an index below `size`, by the bytes of the names of their chains and then by index, from after a place on. */
  chained(tenant: string, after: ChainPlace, size: number, count: number): Promise<StoredEntry[]>;
  /** The first entry of the stream at this revision or after it: a tape's entry lies at its last revision. */
  entryOf(tenant: string, stream: string, revision: number): Promise<StoredEntry | undefined>;
  entryOfEvent(tenant: string, event: string): Promise<StoredEntry | undefined>;
}

/** The entries and trees of all tenants, and their notes. Throws RetryableError when it is away. */
export interface RecordStore extends RecordQueries {
  load(wanted: WantedHeads): Promise<StoredHeads>;
  /**
   * Writes a step and moves the checkpoint of the writer's name, in one flushed transaction. Where it refuses the rows of a tenant,
   * it stops the tree of that tenant, and writes those of the others. Undefined, without a write, if the checkpoint is not at
   * `from`, or if it has another epoch.
   */
  write(writer: Writer, step: RecordStep): Promise<WrittenStep | undefined>;
  /**
   * Publishes notes, and records why trees are not signed, or null where they are again. Deletes older notes of the same tenants
   * that were signed before `keptSince`. False, without a write, if the writer was replaced.
   */
  publish(writer: Writer, signed: SigningResult, keptSince: string): Promise<boolean>;
  /** The stored ends of a tenant's chains or owners after a name, in the order of their names. */
  heads(tenant: string, kind: HeadKind, after: string, count: number): Promise<StoredHead[]>;
  /** The notes of the largest signed trees of these tenants. */
  lastNotes(tenants: readonly string[]): Promise<StoredNote[]>;
  /** Tenants with a tree or a note. */
  tenants(): Promise<string[]>;
  /** Tenants whose tree is larger than their last note says. */
  unsigned(): Promise<string[]>;
  /** Why trees do not grow or are not signed, by tenant, at most `tenantsMax` of them. */
  troubles(tenantsMax: number): Promise<ReadonlyMap<string, string>>;
  /** Deletes entries and trees, and moves the checkpoint back to the start. The notes stay. */
  forget(name: string): Promise<void>;
  /** Ends the ownership of the writer, so that the next owner begins with the present keys. */
  endOwner(name: string): Promise<void>;
}

/** A note outside the database. Undefined: the file cannot be read. */
export interface KeptNote {
  readonly tenant: string;
  readonly note: string | undefined;
}

/** The last note of each tenant and origin outside the database, so that a restored database cannot sign a fork. */
export interface KeptNotes {
  read(origin: string): Promise<string | undefined>;
  /** Of all origins, also of other logs and incarnations. */
  all(): AsyncIterable<KeptNote>;
  /** Flushed when it resolves. */
  keep(origin: string, note: string): Promise<void>;
}
