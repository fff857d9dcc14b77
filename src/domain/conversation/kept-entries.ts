import { limits } from '../../limits.js';
import type { RecordedInConversation } from './conversation.js';
import type { IdTable } from './id-table.js';
import { ended, prompted, requestedNode, sentNode, withoutText } from './node-of-events.js';
import type { NodePlace, NodesBeneath } from './nodes.js';
import type { SystemText, TextsBeneath } from './system-texts.js';
import type { Node } from './tree.js';

/** A recorded event with the number of ledger events up to it. */
export type SeenEvent = RecordedInConversation & { readonly seen: number };

/** A decision read an entry of a kept fold that is not loaded. Load it, and decide again. */
export class NotLoaded extends Error {
  constructor(
    /** The events that hold the entry, and those that are probably read next. */
    readonly wanted: () => readonly number[],
    readonly load: (events: Iterable<SeenEvent>) => void,
  ) {
    super('an entry of a kept fold was read before it was loaded');
  }
}

/** The events of the log are not those that the fold was kept from. */
export class KeptFoldUnfit extends Error {}

/** The numbers of a node's record. Other nodes are named by their number, counted from 1; 0 is none. */
export const NODE = { seen: 0, parent: 1, root: 2, depth: 3, regenerates: 4, promptSeen: 5, endSeen: 6, flags: 7 };
export const NODE_NUMBERS = Object.keys(NODE).length;
export const KINDS = ['message', 'note', 'reply'] as const;
export const FLAG = { kind: 3, replied: 4, cancelRequested: 8 };

/** The nodes of a kept fold, without their texts: each is loaded from its events when it is read. */
export class KeptNodes implements NodesBeneath<Node> {
  private readonly loaded = new Map<string, Node>();
  /** Nodes of a path that are loaded together. A long prompt reads on, so each time there are twice as many. */
  private step: number = limits.keptFoldStepNodes.first;

  constructor(
    readonly table: IdTable,
    /** False for events whose texts the fold dropped. */
    private readonly keepsTexts: (event: RecordedInConversation) => boolean,
  ) {}

  get size(): number {
    return this.table.size;
  }

  idAt(nth: number): string {
    return this.table.idAt(nth);
  }

  place(id: string): NodePlace | undefined {
    const nth = this.table.find(id);
    return nth === undefined ? undefined : this.placeAt(nth);
  }

  get(id: string): Node | undefined {
    const node = this.loaded.get(id);
    if (node) return node;
    const nth = this.table.find(id);
    if (nth === undefined) return undefined;
    throw new NotLoaded(
      () => this.wantedBack(id),
      (events) => {
        this.load(events);
        if (!this.loaded.has(id)) throw new KeptFoldUnfit();
      },
    );
  }

  /** The events of a node and of those before it on its path, as far as they are not loaded. */
  wantedBack(id: string): readonly number[] {
    const wanted: number[] = [];
    const from = this.table.find(id) ?? -1;
    const { step } = this;
    this.step = Math.min(step * 2, limits.keptFoldStepNodes.most);
    for (let nth = from, nodes = 0; nth >= 0 && nodes < step; nth = this.number(nth, 'parent') - 1) {
      if (this.loaded.has(this.idAt(nth))) continue;
      wanted.push(...this.eventsAt(nth));
      nodes += 1;
    }
    return wanted;
  }

  wantedOf(id: string): readonly number[] {
    const nth = this.table.find(id);
    return nth === undefined ? [] : this.eventsAt(nth);
  }

  /** Makes every node of which all events are given. */
  load(events: Iterable<SeenEvent>): void {
    const bySeen = new Map<number, SeenEvent>();
    for (const event of events) bySeen.set(event.seen, event);
    for (const event of bySeen.values()) {
      const id = event.type === 'MessageSent' ? event.data.messageId : idOfRequest(event);
      const nth = id === undefined || this.loaded.has(id) ? undefined : this.table.find(id);
      if (nth === undefined || this.number(nth, 'seen') !== event.seen) continue;
      if (this.eventsAt(nth).every((seen) => bySeen.has(seen))) this.loaded.set(this.idAt(nth), this.made(nth, bySeen));
    }
  }

  private made(nth: number, events: ReadonlyMap<number, SeenEvent>): Node {
    const [first, prompt, end] = (['seen', 'promptSeen', 'endSeen'] as const).map((name) =>
      events.get(this.number(nth, name)),
    );
    const { kind, ...place } = this.placeAt(nth);
    const where = { id: this.idAt(nth), at: first?.at ?? '', ...place };
    const flags = this.number(nth, 'flags');
    if (first?.type === 'MessageSent' && first.data.kind === kind) {
      const message = { ...sentNode(first.data, where), replied: (flags & FLAG.replied) !== 0 };
      return this.keepsTexts(first) ? message : withoutText(message);
    }
    if (first?.type !== 'GenerationRequested' || kind !== 'reply') throw new KeptFoldUnfit();
    if (prompt && prompt.type !== 'PromptAssembled') throw new KeptFoldUnfit();
    if (end && end.type !== 'GenerationFinalized') throw new KeptFoldUnfit();
    const regenerates = this.number(nth, 'regenerates');
    const reply = {
      ...requestedNode(first, where, regenerates === 0 ? null : this.idAt(regenerates - 1)),
      ...(prompt && prompted(prompt.data, prompt.at, prompt.seen)),
      cancelRequested: (flags & FLAG.cancelRequested) !== 0,
      ...(end && ended(end.data, end.seen)),
    };
    return end === undefined || this.keepsTexts(end) ? reply : withoutText(reply);
  }

  private eventsAt(nth: number): number[] {
    const seen = [this.number(nth, 'seen'), this.number(nth, 'promptSeen'), this.number(nth, 'endSeen')];
    return seen.filter((each) => each !== 0);
  }

  private placeAt(nth: number): NodePlace {
    const parent = this.number(nth, 'parent');
    return {
      kind: KINDS[this.number(nth, 'flags') & FLAG.kind] as NodePlace['kind'],
      parent: parent === 0 ? null : this.idAt(parent - 1),
      seen: this.number(nth, 'seen'),
      root: this.idAt(this.number(nth, 'root') - 1),
      depth: this.number(nth, 'depth'),
    };
  }

  private number(nth: number, name: keyof typeof NODE): number {
    return this.table.numberAt(nth, NODE[name]);
  }
}

const idOfRequest = (event: SeenEvent): string | undefined =>
  event.type === 'GenerationRequested' ? event.data.generationId : undefined;

/** The system texts of a kept fold: where they are in the log. */
export class KeptTexts implements TextsBeneath {
  private readonly loaded = new Map<string, SystemText>();

  constructor(readonly table: IdTable) {}

  get(event: string): SystemText | undefined {
    const text = this.loaded.get(event);
    const nth = text ? undefined : this.table.find(event);
    if (nth === undefined) return text;
    throw new NotLoaded(
      () => [this.table.numberAt(nth, 0)],
      (events) => {
        this.load(events);
        if (!this.loaded.has(event)) throw new KeptFoldUnfit();
      },
    );
  }

  load(events: Iterable<SeenEvent>): void {
    for (const { id, type, data, seen } of events) {
      const isSettings = type === 'ConversationStarted' || type === 'ConversationConfigured';
      if (!isSettings || typeof data.system !== 'string' || this.table.find(id) === undefined) continue;
      this.loaded.set(id, { event: id, text: data.system, seen });
    }
  }
}
