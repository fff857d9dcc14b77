import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { limits } from '../../limits.js';
import type { Aggregate } from '../decider.js';
import type { Conversation, RecordedInConversation } from './conversation.js';
import { IdTable, isTableId, recordBytes, writeRecord } from './id-table.js';
import {
  FLAG,
  KeptFoldUnfit,
  KeptNodes,
  KeptTexts,
  KINDS,
  NODE,
  NODE_NUMBERS,
  type SeenEvent,
} from './kept-entries.js';
import { Nodes } from './nodes.js';
import { noSettings, type SettingsEvent, type SettledBy, settled } from './settings.js';
import { SystemTexts } from './system-texts.js';
import type { Node } from './tree.js';

/**
 * The version of kept folds. Raise it with every change of what a fold is or of how it is kept: a fold of another version is
 * not used. test/unit/domain/conversation/kept-conversation.test.ts compares both with a file for each version.
 */
export const KEPT_FOLD_VERSION = 1;

const TEXT_NUMBERS = 1;
const LENGTH_BYTES = 4;
const DIGEST_BYTES = 32;

/** The parts of a fold that are neither nodes nor texts nor settings: ids and counts. */
interface Head
  extends Pick<
    Conversation,
    'seen' | 'textBytes' | 'foldBytes' | 'withoutTexts' | 'leaf' | 'open' | 'queue' | 'settledBy'
  > {
  readonly bytes: number;
}

type KeptAggregate = Pick<Aggregate<Conversation, RecordedInConversation>, 'keepsTexts'>;

const emptyTable = new IdTable(Buffer.alloc(0), NODE_NUMBERS);

/**
 * Writes a fold without any text of a user: ids, counts, and where in the log the events are. Pauses after some nodes, so
 * that a large fold does not hold the event loop. Returns undefined for a fold with ids that it cannot write.
 */
export function* writeKept(state: Conversation, bytes: number): Generator<void, Buffer | undefined> {
  const { seen, textBytes, foldBytes, withoutTexts, leaf, open, queue, settledBy } = state;
  const head: Head = { bytes, seen, textBytes, foldBytes, withoutTexts, leaf, open, queue, settledBy };
  const nodes = yield* writtenNodes(state);
  const texts = writtenTexts(state.systemTexts);
  if (!nodes || !texts) return undefined;
  const parts = [Buffer.from(JSON.stringify(head), 'utf8'), nodes, texts].flatMap((part) => [lengthOf(part), part]);
  return Buffer.concat([...parts, digestOf(Buffer.concat(parts))]);
}

function* writtenNodes({ nodes, seen }: Conversation): Generator<void, Buffer | undefined> {
  const kept = nodes.beneath instanceof KeptNodes ? nodes.beneath.table : emptyTable;
  // By the number of their events: a sort of 50,000 nodes would hold the event loop.
  const inOrder = new Array<Node | undefined>(seen + 1);
  let count = 0;
  for (const node of nodes.changed()) {
    inOrder[node.seen] = node;
    if (++count % limits.keptFoldSliceNodes === 0) yield;
  }
  const numbers = new Map<string, number>();
  for (const node of inOrder) {
    if (!node || kept.find(node.id) !== undefined) continue;
    numbers.set(node.id, kept.size + numbers.size);
    if (numbers.size % limits.keptFoldSliceNodes === 0) yield;
  }
  const bytes = Buffer.alloc((kept.size + numbers.size) * recordBytes(NODE_NUMBERS));
  kept.bytes.copy(bytes);
  const numberOf = (id: string | null) => (id === null ? 0 : 1 + (numbers.get(id) ?? kept.find(id) ?? -1));
  for (const node of inOrder) {
    if (!node) continue;
    if (!isTableId(node.id)) return undefined;
    writeRecord(bytes, numberOf(node.id) - 1, node.id, numbersOf(node, numberOf));
    if (--count % limits.keptFoldSliceNodes === 0) yield;
  }
  return bytes;
}

function numbersOf(node: Node, numberOf: (id: string | null) => number): number[] {
  const isReply = node.kind === 'reply';
  const replied = !isReply && node.replied ? FLAG.replied : 0;
  const cancelRequested = isReply && node.cancelRequested ? FLAG.cancelRequested : 0;
  const numbers: Record<keyof typeof NODE, number> = {
    seen: node.seen,
    parent: numberOf(node.parent),
    root: numberOf(node.root),
    depth: node.depth,
    regenerates: isReply ? numberOf(node.regenerates) : 0,
    promptSeen: (isReply && node.promptSeen) || 0,
    endSeen: (isReply && node.endSeen) || 0,
    flags: KINDS.indexOf(node.kind) | replied | cancelRequested,
  };
  return (Object.keys(NODE) as (keyof typeof NODE)[]).map((name) => numbers[name]);
}

function writtenTexts(texts: SystemTexts): Buffer | undefined {
  const kept = texts.beneath instanceof KeptTexts ? texts.beneath.table : emptyTable;
  const added = [...texts.later()].filter(({ event }) => kept.find(event) === undefined);
  if (!added.every(({ event }) => isTableId(event))) return undefined;
  const bytes = Buffer.alloc((kept.size + added.length) * recordBytes(TEXT_NUMBERS));
  kept.bytes.copy(bytes);
  for (const [nth, { event, seen }] of added.entries()) writeRecord(bytes, kept.size + nth, event, [seen]);
  return bytes;
}

/** A fold that was kept. Its nodes and texts are loaded from their events when they are read. */
export class KeptConversation {
  private constructor(
    private readonly head: Head,
    private readonly nodes: KeptNodes,
    private readonly texts: KeptTexts,
  ) {}

  /** Undefined for damaged bytes. */
  static read(bytes: Buffer, { keepsTexts = () => true }: KeptAggregate): KeptConversation | undefined {
    const content = bytes.subarray(0, -DIGEST_BYTES);
    if (!digestOf(content).equals(bytes.subarray(-DIGEST_BYTES))) return undefined;
    const [head, nodes, texts] = partsOf(content) as [Buffer, Buffer, Buffer];
    return new KeptConversation(
      JSON.parse(head.toString('utf8')),
      new KeptNodes(new IdTable(nodes, NODE_NUMBERS), keepsTexts),
      new KeptTexts(new IdTable(texts, TEXT_NUMBERS)),
    );
  }

  /** The weight of the fold in the cache of folds. */
  get bytes(): number {
    return this.head.bytes;
  }

  /**
   * The events without which there is no fold: those of the settings, of the open generation and of the queue. With them the
   * newest nodes of the selected path and its root, which the next prompt reads.
   */
  wanted(): readonly number[] {
    const { leaf, open, queue, settledBy } = this.head;
    const root = leaf === null ? undefined : this.nodes.place(leaf)?.root;
    const nodes = [...(open === null ? [] : [open]), ...queue, ...(root === undefined ? [] : [root])];
    const path = leaf === null ? [] : this.nodes.wantedBack(leaf);
    return [...Object.values(settledBy), ...nodes.flatMap((id) => this.nodes.wantedOf(id)), ...path];
  }

  /** The fold, made with the wanted events. Throws KeptFoldUnfit if it was not kept from these. */
  fold(events: readonly SeenEvent[]): Conversation {
    const { bytes: _, settledBy, ...head } = this.head;
    this.nodes.load(events);
    this.texts.load(events);
    const settling = new Set(Object.values(settledBy));
    const inOrder = events.filter(({ seen }) => settling.has(seen)).sort((one, other) => one.seen - other.seen);
    let state = { settings: noSettings, settledBy: {} as SettledBy };
    for (const event of inOrder) state = settled(state, event as SettingsEvent, event.seen);
    if (!isDeepStrictEqual(state.settledBy, settledBy)) throw new KeptFoldUnfit();
    const started = inOrder.find(({ seen }) => seen === settledBy.owner);
    return {
      ...head,
      ...state,
      owner: started ? { tenant: started.tenant, user: started.meta.owner ?? null } : null,
      systemTexts: SystemTexts.over(this.texts),
      nodes: Nodes.over(this.nodes),
    };
  }
}

function partsOf(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = start + LENGTH_BYTES + bytes.readUInt32LE(start);
    parts.push(bytes.subarray(start + LENGTH_BYTES, end));
    start = end;
  }
  return parts;
}

function lengthOf(part: Buffer): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(part.length);
  return length;
}

const digestOf = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
