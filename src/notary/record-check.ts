import { type RecordedEvent, START } from '../events/envelope.js';
import {
  EntryTooLong,
  type EventFacts,
  eventEntry,
  factsOf,
  needsOwnerLink,
  tapeEntry,
  writtenOrTooLong,
} from '../formats/record-1/entry.js';
import { Frontier } from '../formats/record-1/frontier.js';
import { type Hash, leafHash } from '../formats/record-1/hashes.js';
import { GapInTape, isDelta, isOfTape, isSeal, TapeTree } from '../formats/record-1/tape.js';
import type { EventLog } from '../ports/event-log.js';
import type { RecordStore, StoredEntry } from '../ports/record.js';
import { acrossGaps, lackText } from './across-gaps.js';
import { HeadsCheck } from './heads-check.js';
import { type KnownOutside, NOTHING_STORED, type StoredBefore, storedBefore } from './stored-before.js';

/** What the log makes of one tenant's record, and what is stored and signed. */
export interface CheckedTree {
  readonly tenant: string;
  /** Entries that the log makes. It may have more than are stored: the notary is behind. */
  readonly size: number;
  readonly stored: number;
  /** Of the last note. Null: there is none yet. */
  readonly signed: number | null;
  /** What is wrong, from the first entry on. Empty: the record is what the log makes. */
  readonly mistakes: readonly string[];
}

/** The tree of all entries that a log makes of one tenant. */
export interface MadeTree {
  readonly tenant: string;
  readonly size: number;
  readonly root: Hash;
  /** Why it cannot be made further. */
  readonly mistakes: readonly string[];
}

/** Stored entries that are read at once. */
const READ_ENTRIES = 500;
/** All further mistakes of a tenant follow from the first ones. */
const MISTAKES_MAX = 10;

type CheckedLog = Pick<EventLog, 'readAll' | 'gapAfter'>;
type CheckedRecord = Pick<RecordStore, 'entries' | 'load'>;

/**
 * Makes every tenant's entries again from the log, with the tapes and their deltas in one pass, and compares them with what is
 * stored and signed. It shares the format with the notary, and nothing else.
 */
export async function checkRecord(
  log: CheckedLog,
  record: CheckedRecord & Parameters<typeof storedBefore>[0],
  outside: KnownOutside,
): Promise<readonly CheckedTree[]> {
  const trees = await treesOf(log, record, await storedBefore(record, outside));
  return Promise.all(trees.map((tree) => tree.result()));
}

/** The trees that a log makes. Stored trees are not read. */
export async function treesIn(log: CheckedLog): Promise<readonly MadeTree[]> {
  return (await treesOf(log, nothingStored, new Map())).map((tree) => tree.made());
}

const nothingStored: CheckedRecord = {
  load: async () => ({ trees: [], chains: [], owners: [], streams: [] }),
  entries: async () => [],
};

async function treesOf(
  log: CheckedLog,
  record: CheckedRecord,
  stored: ReadonlyMap<string, StoredBefore>,
): Promise<readonly TreeCheck[]> {
  const trees = new Map<string, TreeCheck>();
  for (const [tenant, before] of stored) trees.set(tenant, new TreeCheck(tenant, record, before));
  const treeOf = (tenant: string) => {
    const tree = trees.get(tenant) ?? new TreeCheck(tenant, record, NOTHING_STORED);
    trees.set(tenant, tree);
    return tree;
  };
  for await (const { events, lacked } of acrossGaps(log, START, (after) => log.readAll(after))) {
    for (const each of lacked) treeOf(each.tenant).end(lackText(each));
    for (const event of events) await treeOf(event.tenant).add(event);
  }
  return [...trees.values()];
}

class TreeCheck {
  private readonly tree = new Frontier();
  private readonly chains: HeadsCheck;
  private readonly owners: HeadsCheck;
  private readonly open = new Map<string, TapeTree | GapInTape>();
  private readonly sealed = new Set<string>();
  private readonly mistakes: string[] = [];
  /** The events are not whole: the record of the tenant has no entry from there on. */
  private isOver = false;
  /** Of streams that are no tapes: the next revision. */
  private readonly revisions = new Map<string, number>();
  private read: ReadonlyMap<number, StoredEntry> = new Map();
  private readTo = 0;
  /** Nothing more is stored. */
  private isRead = false;
  private stored = 0;

  constructor(
    private readonly tenant: string,
    private readonly record: CheckedRecord,
    private readonly before: StoredBefore,
  ) {
    const size = before.tree?.size ?? 0;
    this.chains = new HeadsCheck(before.chains, size);
    this.owners = new HeadsCheck(before.owners, size);
    for (const { is, tree } of before.notes)
      if (!tree) this.report(`the ${is} note is not signed by a key of the record`);
  }

  async add(event: RecordedEvent): Promise<void> {
    const { stream, revision, type } = event;
    if (this.isOver) return;
    if (!isOfTape(event)) {
      const next = this.revisions.get(stream) ?? 0;
      this.revisions.set(stream, revision + 1);
      if (revision > next) return this.end(lackText({ stream, revision: next }));
      if (revision < next) return this.end(`the log has a second event ${revision} of ${stream}`);
    }
    if (!isOfTape(event) && !isDelta(event)) return this.addEntry(event, eventEntry);
    if (!isOfTape(event) || this.sealed.has(stream)) {
      this.report(`event ${revision} of ${stream} (${type}) is not on an open tape`);
      return isDelta(event) ? undefined : this.addEntry(event, eventEntry);
    }
    const tape = this.tapeWith(event);
    if (!isSeal(event)) return;
    this.open.delete(stream);
    this.sealed.add(stream);
    if (tape instanceof GapInTape) {
      this.isOver = true;
      return;
    }
    return this.addEntry(event, (facts, link, owner) => tapeEntry(facts, tape.facts, link, owner));
  }

  /** Only the first reason counts. */
  end(reason: string): void {
    if (this.isOver) return;
    this.isOver = true;
    this.report(reason);
  }

  private tapeWith(event: RecordedEvent): TapeTree | GapInTape {
    const before = this.open.get(event.stream) ?? new TapeTree();
    const tape = before instanceof GapInTape ? before : grown(before, event);
    this.open.set(event.stream, tape);
    if (tape instanceof GapInTape && tape !== before) this.report(tape.message);
    return tape;
  }

  made(): MadeTree {
    const { tenant, tree, mistakes } = this;
    return { tenant, size: tree.size, root: tree.root(), mistakes };
  }

  async result(): Promise<CheckedTree> {
    const { tenant, mistakes } = this;
    const { tree, published, notes } = this.before;
    const { size } = this.tree;
    const beyond = tree && tree.size > size ? tree.size - size : 0;
    if (beyond > 0) this.report(`entry ${size} is stored, and the log makes none there`);
    const signed = Math.max(0, ...notes.map((note) => note.tree?.size ?? 0));
    if (signed > size) this.report(`a tree of ${signed} entries is signed, and the log makes ${size}`);
    else if (signed > this.stored)
      this.report(`a tree of ${signed} entries is signed, and only ${this.stored} of them are stored`);
    // Where the log makes fewer entries than are stored, other ends of chains follow from that.
    if (beyond === 0) this.compareHeads();
    const { trees } = await this.record.load({ tenants: [tenant], chains: [], owners: [], streams: [] });
    const grown = trees[0]?.size ?? 0;
    if (grown < this.stored) this.report(`${this.stored} entries are stored, and the stored tree has ${grown}`);
    return { tenant, size, stored: this.stored + beyond, signed: published?.size ?? null, mistakes };
  }

  private async addEntry(event: RecordedEvent, entry: typeof eventEntry): Promise<void> {
    const facts: EventFacts = factsOf(event);
    const { next: n, hash: prev } = this.chains.at(facts.chain);
    const link = { n, prev };
    const owner = needsOwnerLink(facts, link) ? (facts.owner as string) : undefined;
    const { next: on, hash: oprev } = this.owners.at(owner ?? '');
    const leaf = writtenOrTooLong(() => entry(facts, link, owner === undefined ? undefined : { on, oprev }));
    if (leaf instanceof EntryTooLong) return this.end(leaf.message);
    const hash = leafHash(leaf);
    await this.compare(leaf, event);
    const index = this.tree.size;
    this.tree.add(hash);
    this.chains.advance(facts.chain, index, hash);
    if (owner !== undefined) this.owners.advance(owner, index, hash);
    this.compareTree();
    this.compareNotes();
  }

  private async compare(leaf: string, { stream, revision }: RecordedEvent): Promise<void> {
    const index = this.tree.size;
    const stored = await this.storedAt(index);
    if (!stored) {
      if (index < (this.before.tree?.size ?? 0)) this.report(`entry ${index} is not stored`);
      return;
    }
    this.stored++;
    if (stored.leaf !== leaf || !stored.hash.equals(leafHash(leaf))) {
      this.report(`entry ${index} is not that of event ${revision} of ${stream}`);
    }
  }

  private async storedAt(index: number): Promise<StoredEntry | undefined> {
    if (index >= this.readTo && !this.isRead) {
      const read = await this.record.entries(this.tenant, index, READ_ENTRIES);
      this.read = new Map(read.map((entry) => [entry.index, entry]));
      this.readTo = index + READ_ENTRIES;
      this.isRead = read.length === 0 && index >= (this.before.tree?.size ?? 0);
    }
    return this.read.get(index);
  }

  /** The edge from which the notary continues the tree. */
  private compareTree(): void {
    const { tree } = this.before;
    if (!tree || tree.size !== this.tree.size) return;
    if (!Buffer.concat(tree.edge).equals(Buffer.concat(this.tree.hashes)))
      this.report(`the stored tree of ${tree.size} entries has other hashes`);
  }

  private compareNotes(): void {
    for (const { is, tree } of this.before.notes) {
      if (tree?.size !== this.tree.size || tree.root.equals(this.tree.root())) continue;
      this.report(`the ${is} signed tree of ${tree.size} entries has another root`);
    }
  }

  private compareHeads(): void {
    for (const name of this.chains.wrong()) this.report(`the stored end of ${name} is not its last entry`);
    for (const name of this.owners.wrong())
      this.report(`the stored end of the conversations of ${name} is not the last one`);
  }

  private report(mistake: string): void {
    if (this.mistakes.length < MISTAKES_MAX) this.mistakes.push(mistake);
  }
}

function grown(tape: TapeTree, event: RecordedEvent): TapeTree | GapInTape {
  try {
    tape.add(event);
    return tape;
  } catch (error) {
    if (!(error instanceof GapInTape)) throw error;
    return error;
  }
}
