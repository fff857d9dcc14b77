import type { Census } from '../formats/record-1/census.js';
import { bodyOf, contentOf } from '../formats/record-1/content.js';
import { rootOf } from '../formats/record-1/frontier.js';
import { base64, leafHash, sha256 } from '../formats/record-1/hashes.js';
import { openNote } from '../formats/record-1/note.js';
import type { SignedTree } from '../formats/record-1/proofs.js';
import { TILE_WIDTH, type TileSlice } from '../formats/record-1/tiles.js';
import { bundledEntries } from './bundle.js';
import { censusIn, keysIn, leavesIn, type PublishedCensus } from './published.js';
import type { ReadEntry } from './read-entry.js';
import { CENSUS_TAKEN, RecordWrong, TreeReplay } from './tree-replay.js';

/** Where a record is read from. Nothing that it answers is trusted. */
export interface RecordSource {
  /** Undefined if there is none yet. */
  census(): Promise<unknown>;
  checkpoint(): Promise<string>;
  /** Undefined if they are not given. */
  keys(): Promise<unknown>;
  bundle(slice: Omit<TileSlice, 'level'>): Promise<Uint8Array>;
  /** The leaves of the tree of a tape. Undefined if they are not given. */
  tape(stream: string): Promise<unknown>;
}

export interface MonitorParts {
  readonly source: RecordSource;
  /** The key that verifies the notes. Its name is the origin of the tree. */
  readonly verifierKey: string;
  /** The last note that an earlier monitor accepted. */
  readonly lastNote?: string | undefined;
}

export interface MonitoredTree {
  readonly origin: string;
  readonly size: number;
  readonly root: string;
  readonly chains: number;
  /** Tapes whose events were compared with their entry. */
  readonly tapes: number;
  /** The entries that the last census counts. Null: there is none yet. */
  readonly census: number | null;
  /** The signed note of this tree, and the key that verifies it. */
  readonly note: string;
  readonly verifierKey: string;
}

/** The source does not show the census that the record has. It may be counting the next one. */
export class CensusNotShown extends Error {}

/** Replays the record of one tenant without keys, and continues with what is added. Throws RecordWrong. */
export class RecordMonitor {
  private readonly origin: string;
  private verifierKey: string;
  /** The trees at which one key handed the record over to the next. */
  private readonly handOvers: SignedTree[] = [];
  private replay: TreeReplay;
  private accepted: SignedTree | undefined;
  private census: PublishedCensus | undefined;
  private showsCensus = false;
  private tapes = 0;

  constructor(private readonly parts: MonitorParts) {
    this.verifierKey = parts.verifierKey;
    this.origin = parts.verifierKey.split('+', 1).join();
    this.replay = this.replayFromStart();
    this.accepted = parts.lastNote === undefined ? undefined : this.opened(parts.lastNote, 'the kept note');
  }

  /** Checks everything up to the present checkpoint. */
  async check(): Promise<MonitoredTree> {
    const tree = await this.checkTree();
    if (this.isLastCensus()) return tree;
    // One may have been taken between the reads of the census and of the checkpoint.
    const again = await this.checkTree();
    this.requireLastCensus();
    return again;
  }

  private async checkTree(): Promise<MonitoredTree> {
    const { source } = this.parts;
    // Before the checkpoint, so that the tree of the checkpoint has the entry of the census.
    const census = censusIn(await source.census());
    const note = await source.checkpoint();
    if (!openNote(note, this.verifierKey)) await this.followKeys(note);
    const tree = this.opened(note, 'the checkpoint');
    this.requireNoRollback(tree, census);
    const isNew = census !== undefined && census.size !== this.census?.size;
    // It counts entries that this monitor has passed, and a replay cannot go back.
    if (isNew && census.size < this.replay.size) this.replay = this.replayFromStart();
    await this.replayTo(tree.size, isNew ? census : undefined);
    this.requireRoot(tree, 'the checkpoint');
    this.accepted = tree;
    this.census = census ?? this.census;
    this.showsCensus = census !== undefined;
    return {
      ...{ origin: this.origin, size: tree.size, root: base64(tree.root), note, verifierKey: this.verifierKey },
      ...{ tapes: this.tapes, chains: this.replay.chainCount, census: census?.size ?? null },
    };
  }

  /** While the next census is counted, a server shows none for some seconds. It never shows an earlier one. */
  private requireLastCensus(): void {
    if (this.isLastCensus()) return;
    const { lastCensus } = this.replay;
    if (!this.showsCensus) throw new CensusNotShown(`entry ${lastCensus} takes a census, and none is published`);
    throw new RecordWrong(
      `rollback: entry ${lastCensus} takes a census, and the published one is that of entry ${this.census?.index}`,
    );
  }

  private isLastCensus(): boolean {
    const { lastCensus } = this.replay;
    return lastCensus === undefined || (this.showsCensus && this.census?.index === lastCensus);
  }

  private opened(note: string, what: string): SignedTree {
    const tree = openNote(note, this.verifierKey);
    if (!tree) throw new RecordWrong(`${what} is not signed with the key of ${this.origin}`);
    return tree;
  }

  /** A key is trusted if the trusted key before it has signed the same tree with it. Its last tree is compared like a note. */
  private async followKeys(note: string): Promise<void> {
    const keys = await this.parts.source.keys();
    if (keys === undefined) return;
    const { vkey, earlier } = keysIn(keys);
    for (const [nth, end] of earlier.entries()) {
      const next = earlier[nth + 1]?.vkey ?? vkey;
      const tree = end.vkey === this.verifierKey ? openNote(end.note, end.vkey) : undefined;
      if (!tree || !openNote(end.note, next)) continue;
      this.handOvers.push(tree);
      this.verifierKey = next;
      if (tree.size < this.replay.size) this.replay = this.replayFromStart();
      if (openNote(note, next)) return;
    }
  }

  private requireNoRollback({ size }: SignedTree, census: PublishedCensus | undefined): void {
    const { census: before } = this;
    const largest = Math.max(0, ...this.signedBefore().map((tree) => tree.size));
    if (size < largest) {
      throw new RecordWrong(`rollback: a tree of ${largest} entries was signed, and now one of ${size}`);
    }
    if (before && census && census.size < before.size) {
      throw new RecordWrong(`rollback: a census of ${before.size} entries was published, and now an earlier one`);
    }
  }

  private async replayTo(size: number, census: PublishedCensus | undefined): Promise<void> {
    let counted: Census | undefined;
    if (census && !(census.size <= census.index && census.index < size)) {
      throw new RecordWrong(`the census of ${census.size} entries has no entry behind them in the signed tree`);
    }
    while (this.replay.size < size) {
      const index = Math.floor(this.replay.size / TILE_WIDTH);
      const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
      const entries = bundledEntries(await this.parts.source.bundle({ index, width }));
      if (entries?.length !== width) throw new RecordWrong(`bundle ${index} does not hold ${width} entries`);
      for (const text of entries.slice(this.replay.size - index * TILE_WIDTH)) {
        if (this.replay.size === census?.size) counted = this.replay.census();
        const entry = this.replay.add(text);
        if (entry.kind === 'tape') await this.requireTape(entry);
        if (census && this.replay.size === census.index + 1) requireCensus(entry, census, counted);
        this.requireAccepted();
      }
    }
  }

  /** By trusted keys, as far as this monitor knows. */
  private signedBefore(): readonly SignedTree[] {
    return this.accepted ? [this.accepted, ...this.handOvers] : this.handOvers;
  }

  private requireAccepted(): void {
    for (const tree of this.signedBefore())
      if (this.replay.size === tree.size) this.requireRoot(tree, 'the accepted note');
  }

  private requireRoot({ size, root }: SignedTree, what: string): void {
    const replayed = this.replay.root();
    if (this.replay.size === size && replayed.equals(root)) return;
    const [signed, made] = [root, replayed].map(base64);
    throw new RecordWrong(`fork: ${what} of ${size} entries has the root ${signed}, and the entries make ${made}`);
  }

  private async requireTape({ stream, events, root, id, rev }: ReadEntry): Promise<void> {
    const leaves = leavesIn(stream, await this.parts.source.tape(stream));
    if (leaves === undefined) return;
    this.tapes++;
    const isTape = leaves.length === events && base64(rootOf(leaves.map(leafHash))) === root;
    if (isTape && leaves.every((leaf, nth) => membersOf(leaf).rev === nth) && membersOf(leaves.at(-1)).id === id)
      return;
    throw new RecordWrong(`entry ${this.replay.size - 1} does not commit to the ${rev + 1} events of ${stream}`);
  }

  private replayFromStart(): TreeReplay {
    this.tapes = 0;
    return new TreeReplay(this.origin.split('/').at(-1) ?? '');
  }
}

function requireCensus(entry: ReadEntry, census: PublishedCensus, counted: Census | undefined): void {
  const { index, data, meta, size, count, root } = census;
  const body = base64(sha256(bodyOf(contentOf({ data, meta }).content)));
  if (entry.type !== CENSUS_TAKEN || entry.body !== body) {
    throw new RecordWrong(`entry ${index} is not that of the published census`);
  }
  const event = membersOf(data);
  if (event.size !== size || event.count !== count || event.root !== root) {
    throw new RecordWrong(`entry ${index} commits to another census than the published one`);
  }
  const made = counted && base64(counted.root);
  if (counted?.count !== count || made !== root) {
    throw new RecordWrong(
      `the census of entry ${index} has ${count} chains and the root ${root}, and the first ${size} entries make ` +
        `${counted?.count} and ${made}`,
    );
  }
}

/** Of a text that the record commits to. Without members if it is no JSON object. */
function membersOf(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text ?? 'null'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return {};
  }
}
