import { conversationOf, conversationStream } from '../events/conversation-events.js';
import { bodyOfEvent, factsOf } from '../formats/record-1/entry.js';
import { base64, type Hash } from '../formats/record-1/hashes.js';
import { tapeLeaf } from '../formats/record-1/tape.js';
import { bundleBytes, proofText, TILE_WIDTH, type TileSlice, tileBytes, widthAt } from '../formats/record-1/tiles.js';
import { LogUnavailable } from '../ports/errors.js';
import type { EventLog } from '../ports/event-log.js';
import type { RecordQueries, StoredEntry, StoredNote } from '../ports/record.js';
import { RecordIncomplete, TreeHashes } from './tree-hashes.js';

/** The event has no entry in a signed tree yet. The notary is a moment behind the log. */
export class NotRecordedYet extends Error {}

/** The record of the tenant has no such entry, tile or tree. */
export class NotInRecord extends Error {}

/** The texts of an event, as they are stored. An auditor computes the body from them. */
export interface StoredTexts {
  readonly data: string;
  readonly meta: string;
}

export interface RecordedEntry {
  readonly index: number;
  /** The entry. */
  readonly leaf: string;
  /** What the entry commits to. Null for a tape, whose entry commits to a tree. */
  readonly body: string | null;
  /** The stored texts of the event. Null for a tape, as well as `meta`. */
  readonly data: string | null;
  readonly meta: string | null;
  /** The leaf hash, as base64. */
  readonly hash: string;
}

export interface RecordKey {
  readonly origin: string;
  readonly vkey: string;
  readonly earlier: readonly EarlierKey[];
}

export interface EarlierKey {
  readonly vkey: string;
  /** The last size that it signed, with its note. */
  readonly size: number;
  readonly note: string;
}

export interface ProvenEntry extends Omit<RecordedEntry, 'hash'> {
  readonly path: readonly string[];
}

export interface InclusionProof {
  readonly index: number;
  readonly size: number;
  readonly path: readonly string[];
  /** The note of this size, unless an earlier tree was asked for. */
  readonly checkpoint?: string;
}

export interface ProvenTape {
  readonly entry: Pick<ProvenEntry, 'index' | 'leaf' | 'path'>;
  /** The leaves of the tape's tree. */
  readonly events: readonly string[];
  /** The stored texts of the same events, in the same order. */
  readonly texts: readonly StoredTexts[];
}

export interface RunProof {
  readonly entries: readonly ProvenEntry[];
  /** Null if no attempt was made. */
  readonly tape: ProvenTape | null;
  readonly checkpoint: string;
}

/** Where the events of a run are in the log: in its conversation, and on its tape up to the seal. */
interface PlacesInLog {
  readonly ledger: string;
  readonly revisions: readonly number[];
  readonly tape: { readonly stream: string; readonly seal: number } | null;
}

export interface RecordReaderParts {
  readonly record: RecordQueries;
  readonly log: Pick<EventLog, 'readStream'>;
}

/** Answers questions about the record of one tenant, as far as it is signed. */
export class RecordReader {
  constructor(private readonly parts: RecordReaderParts) {}

  async lastNote(tenant: string): Promise<StoredNote> {
    const note = await this.parts.record.lastNote(tenant);
    if (!note) throw new NotRecordedYet();
    return note;
  }

  async key(tenant: string): Promise<RecordKey> {
    const { note, verifierKey } = await this.lastNote(tenant);
    const ends = await this.parts.record.keyEnds(tenant);
    return {
      origin: note.split('\n', 1).join(),
      vkey: verifierKey,
      earlier: ends.map(({ verifierKey: vkey, size, note }) => ({ vkey, size, note })),
    };
  }

  async tile(tenant: string, slice: TileSlice): Promise<Buffer> {
    const { size } = await this.lastNote(tenant);
    requireSlice(slice, size);
    return tileBytes(whole(await this.parts.record.tile(tenant, slice, slice.width), slice.width));
  }

  async bundle(tenant: string, { index, width }: Omit<TileSlice, 'level'>): Promise<Buffer> {
    const { size } = await this.lastNote(tenant);
    requireSlice({ level: 0, index, width }, size);
    const entries = await this.parts.record.entries(tenant, index * TILE_WIDTH, width);
    return bundleBytes(whole(entries, width).map(({ leaf }) => leaf));
  }

  async entry(tenant: string, index: number): Promise<RecordedEntry> {
    const { size } = await this.lastNote(tenant);
    const entry = await this.entryAt(tenant, index, size);
    return { ...(await this.recorded(entry)), hash: base64(entry.hash) };
  }

  async find(tenant: string, place: { stream: string; revision: number } | { event: string }): Promise<number> {
    const { record } = this.parts;
    const entry =
      'event' in place
        ? await record.entryOfEvent(tenant, place.event)
        : await record.entryOf(tenant, place.stream, place.revision);
    if (!entry || !covers(entry, place)) throw new NotInRecord();
    if (entry.index >= (await this.lastNote(tenant)).size) throw new NotRecordedYet();
    return entry.index;
  }

  async proof(tenant: string, index: number, asked?: number): Promise<InclusionProof> {
    const note = await this.lastNote(tenant);
    const size = sizeIn(note, asked);
    if (index >= size) throw new NotInRecord();
    const path = await new TreeHashes(this.parts.record, tenant).inclusion(index, size);
    return { index, size, path: path.map(base64), ...(size === note.size && { checkpoint: note.note }) };
  }

  /** The same proof as a text of C2SP, with the last note. */
  async proofText(tenant: string, index: number): Promise<string> {
    const { size, note } = await this.lastNote(tenant);
    if (index >= size) throw new NotInRecord();
    return proofText(index, await new TreeHashes(this.parts.record, tenant).inclusion(index, size), note);
  }

  async consistency(tenant: string, from: number, asked?: number): Promise<{ to: number; path: readonly string[] }> {
    const to = sizeIn(await this.lastNote(tenant), asked);
    if (from < 1 || from > to) throw new NotInRecord();
    return { to, path: (await new TreeHashes(this.parts.record, tenant).consistency(from, to)).map(base64) };
  }

  /** The entries of the run in the last signed tree, and all leaves of its tape. A run that has not ended has no places. */
  async run(tenant: string, places: PlacesInLog | undefined): Promise<RunProof> {
    if (!places) throw new NotRecordedYet();
    const { ledger, revisions, tape } = places;
    const note = await this.lastNote(tenant);
    const hashes = new TreeHashes(this.parts.record, tenant);
    const proven = async (stream: string, revision: number) => {
      const entry = await this.parts.record.entryOf(tenant, stream, revision);
      if (!entry || entry.revision !== revision || entry.index >= note.size) throw new NotRecordedYet();
      const path = (await hashes.inclusion(entry.index, note.size)).map(base64);
      return { ...(await this.recorded(entry)), path };
    };
    const entries: ProvenEntry[] = [];
    for (const revision of revisions) entries.push(await proven(ledger, revision));
    if (!tape) return { entries, tape: null, checkpoint: note.note };
    const { index, leaf, path } = await proven(tape.stream, tape.seal);
    return {
      ...{ entries, checkpoint: note.note },
      tape: { entry: { index, leaf, path }, ...(await this.tapeEvents(tape)) },
    };
  }

  private async entryAt(tenant: string, index: number, size: number): Promise<StoredEntry> {
    if (index >= size) throw new NotInRecord();
    const [entry] = await this.parts.record.entries(tenant, index, 1);
    if (!entry) throw new RecordIncomplete('the record is being built again');
    return entry;
  }

  private async recorded({ index, leaf, stream, revision }: StoredEntry): Promise<Omit<RecordedEntry, 'hash'>> {
    if (JSON.parse(leaf).kind === 'tape') return { index, leaf, body: null, data: null, meta: null };
    for await (const [event] of this.parts.log.readStream(stream, { from: revision, eventsMax: 1 })) {
      if (event) return { index, leaf, body: bodyOfEvent(factsOf(event)), data: event.data, meta: event.meta };
    }
    throw new LogUnavailable(`the log lacks event ${revision} of ${stream}`);
  }

  private async tapeEvents({
    stream,
    seal,
  }: {
    stream: string;
    seal: number;
  }): Promise<Pick<ProvenTape, 'events' | 'texts'>> {
    const events: string[] = [];
    const texts: StoredTexts[] = [];
    for await (const page of this.parts.log.readStream(stream, { eventsMax: seal + 1 })) {
      events.push(...page.map(tapeLeaf));
      texts.push(...page.map(({ data, meta }) => ({ data, meta })));
    }
    return { events, texts };
  }
}

/** Whose data an entry shows. An event belongs to the conversation of its chain, also if its stream is a tape. */
export function shownBy({ leaf, meta }: RecordedEntry): ShownByEntry {
  const { chain }: { chain: string } = JSON.parse(leaf);
  const isConversation = chain.startsWith(conversationStream(''));
  return { chain, conversation: isConversation ? conversationOf({ stream: chain }) : undefined, owner: ownerIn(meta) };
}

interface ShownByEntry {
  readonly chain: string;
  readonly conversation: string | undefined;
  readonly owner: string | undefined;
}

/** Undefined also for metadata that is damaged: then the owner is not known. */
function ownerIn(meta: string | null): string | undefined {
  try {
    const owner: unknown = Object(JSON.parse(meta ?? 'null')).owner;
    return typeof owner === 'string' ? owner : undefined;
  } catch {
    return undefined;
  }
}

/** The entry of a tape covers all its revisions; any other entry its own. */
function covers({ revision, leaf }: StoredEntry, place: { revision: number } | { event: string }): boolean {
  return 'event' in place || revision === place.revision || JSON.parse(leaf).kind === 'tape';
}

function sizeIn({ size }: StoredNote, asked: number | undefined): number {
  if (asked !== undefined && asked > size) throw new NotRecordedYet();
  return asked ?? size;
}

function requireSlice(slice: TileSlice, size: number): void {
  if (widthAt(size, slice) < slice.width) throw new NotInRecord();
}

/** The signed tree has all of them, so some are missing only while the record is built again. */
function whole<T extends Hash | StoredEntry>(found: readonly T[], count: number): readonly T[] {
  if (found.length < count) throw new RecordIncomplete('the record is being built again');
  return found;
}
