import type { RefusalCode } from '../../../../src/domain/refusal.js';

export type WhenBusy = 'reject' | 'enqueue' | 'interrupt';

export interface ModelNode {
  readonly id: string;
  readonly kind: 'message' | 'note' | 'reply';
  readonly parent: string | null;
  readonly regenerates?: string;
}

interface Turn {
  readonly id: string;
  readonly message: string;
  readonly whenBusy: WhenBusy;
  /** Its provider is gone when its turn comes. */
  readonly gone: boolean;
  readonly regenerates?: string;
}

export interface Said {
  readonly id: string;
  readonly kind?: 'message' | 'note';
  readonly parent?: string | null;
  readonly revises?: string;
}

/** What a conversation is, written down as plainly as possible: lists, and loops over them. */
export class Model {
  readonly nodes: ModelNode[] = [];
  leaf: string | null = null;
  open: string | null = null;
  queue: Turn[] = [];
  readonly ended = new Map<string, string>();
  readonly cancelling = new Set<string>();

  find(id: string | null): ModelNode | undefined {
    return this.nodes.find((node) => node.id === id);
  }

  send(said: Said, turn: Omit<Turn, 'message'> | null): RefusalCode | undefined {
    const asks = said.kind === 'note' ? null : turn;
    const placed = this.place(said, asks?.whenBusy ?? 'enqueue');
    if (typeof placed === 'string') return placed;
    const asked = placed.kind === 'note' ? null : asks;
    if (asked) {
      const refused = this.refuses({ ...asked, message: said.id }, placed.parent);
      if (refused) return refused;
    }
    this.nodes.push({ id: said.id, ...placed });
    if (placed.kind === 'message') this.leaf = said.id;
    if (asked) this.request({ ...asked, message: said.id });
    return undefined;
  }

  private place(said: Said, whenBusy: WhenBusy): { kind: 'message' | 'note'; parent: string | null } | RefusalCode {
    if (said.revises !== undefined) {
      const revised = this.find(said.revises);
      if (!revised || revised.kind === 'reply') return 'message_not_found';
      const moves = said.parent !== undefined && said.parent !== revised.parent;
      if (moves || (said.kind !== undefined && said.kind !== revised.kind)) return 'revision_mismatch';
      return { kind: revised.kind, parent: revised.parent };
    }
    const kind = said.kind ?? 'message';
    if (said.parent === undefined) return { kind, parent: this.lastBefore(whenBusy) ?? this.leaf };
    if (said.parent === null) return { kind, parent: null };
    const parent = this.find(said.parent);
    if (!parent) return 'parent_not_found';
    return parent.kind === 'note' ? 'parent_is_note' : { kind, parent: parent.id };
  }

  private lastBefore(whenBusy: WhenBusy): string | null {
    const before = whenBusy === 'interrupt' ? this.queue.filter((turn) => turn.whenBusy === 'interrupt') : this.queue;
    return before.at(-1)?.id ?? this.open;
  }

  generate(message: string, turn: Omit<Turn, 'message'>): RefusalCode | undefined {
    const node = this.find(message);
    if (!node || node.kind === 'reply') return 'message_not_found';
    if (node.kind === 'note') return 'message_is_note';
    if (this.nodes.some(({ kind, parent }) => kind === 'reply' && parent === message)) return 'already_replied';
    return this.ask({ ...turn, message }, message);
  }

  regenerate(generation: string, turn: Omit<Turn, 'message'>): RefusalCode | undefined {
    const node = this.find(generation);
    if (node?.kind !== 'reply') return 'generation_not_found';
    if (this.queue.some(({ id }) => id === generation)) return 'nothing_to_regenerate';
    return this.ask({ ...turn, message: node.parent as string, regenerates: generation }, node.parent);
  }

  private ask(turn: Turn, from: string | null): RefusalCode | undefined {
    const refused = this.refuses(turn, from);
    if (!refused) this.request(turn);
    return refused;
  }

  private refuses(turn: Turn, from: string | null): RefusalCode | undefined {
    if (this.open === null) return turn.gone ? 'provider_not_configured' : undefined;
    if (turn.whenBusy === 'reject') return 'conversation_busy';
    if (turn.whenBusy === 'enqueue') return undefined;
    for (let node = this.find(from); node; node = this.find(node.parent)) {
      if (this.queue.some(({ id, whenBusy }) => id === node?.id && whenBusy === 'enqueue')) return 'parent_is_queued';
    }
    return undefined;
  }

  private request(turn: Turn): void {
    const { id, message, regenerates } = turn;
    this.nodes.push({ id, kind: 'reply', parent: message, ...(regenerates !== undefined && { regenerates }) });
    this.leaf = id;
    if (this.open === null) {
      this.open = id;
      return;
    }
    this.queue.push(turn);
    this.queue = [
      ...this.queue.filter(({ whenBusy }) => whenBusy === 'interrupt'),
      ...this.queue.filter(({ whenBusy }) => whenBusy === 'enqueue'),
    ];
    if (turn.whenBusy === 'interrupt') this.cancelling.add(this.open);
  }

  select(leaf: string): RefusalCode | undefined {
    const node = this.find(leaf);
    if (!node) return 'leaf_not_found';
    if (node.kind === 'note') return 'leaf_is_note';
    this.leaf = leaf;
    return undefined;
  }

  cancel(generation: string): RefusalCode | undefined {
    if (this.find(generation)?.kind !== 'reply') return 'generation_not_found';
    if (this.open === generation) this.cancelling.add(generation);
    if (this.queue.some(({ id }) => id === generation)) this.ended.set(generation, 'cancelled');
    this.queue = this.queue.filter(({ id }) => id !== generation);
    return undefined;
  }

  finalize(generation: string, status: string): undefined {
    if (this.open !== generation) return undefined;
    this.ended.set(generation, status);
    this.open = null;
    for (let turn = this.queue.shift(); turn; turn = this.queue.shift()) {
      if (!turn.gone) {
        this.open = turn.id;
        return undefined;
      }
      this.ended.set(turn.id, 'error');
    }
    return undefined;
  }
}
