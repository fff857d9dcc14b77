import type { Path, PathEntry } from '../prompt/prompt-texts.js';
import type { Conversation } from './conversation.js';
import type { Node } from './nodes.js';
import { pathBack } from './tree.js';

/** The path to a node. It is walked only as far as a prompt reads it, so a long history costs a turn nothing. */
export class WalkedPath implements Path {
  readonly length: number;
  private readonly root: Node | undefined;
  private readonly back: Iterator<Node>;
  private readonly newestFirst: PathEntry[] = [];

  constructor(state: Conversation, id: string | null) {
    const end = id === null ? undefined : state.nodes.get(id);
    this.length = end ? end.depth + 1 : 0;
    this.root = end && state.nodes.get(end.root);
    this.back = pathBack(state, id)[Symbol.iterator]();
  }

  at(place: number): PathEntry | undefined {
    if (place === 0 && this.root) return entryOf(this.root);
    this.walkTo(place);
    return this.newestFirst[this.length - 1 - place];
  }

  slice(start = 0, end = this.length): PathEntry[] {
    this.walkTo(start);
    return this.newestFirst.slice(this.length - end, this.length - start).reverse();
  }

  private walkTo(place: number): void {
    while (this.newestFirst.length < this.length - place) {
      const { value, done } = this.back.next();
      if (done) return;
      this.newestFirst.push(entryOf(value));
    }
  }
}

/** A reply that has not ended has no text, so no prompt is made after it. */
export function entryOf(node: Node): PathEntry {
  const { id } = node;
  const isNewer = node.isNewer && ({ isNewer: true } as const);
  // A newer message, of any other role, enters no prompt.
  if (node.kind !== 'reply') {
    return { id, role: node.role === 'user' ? 'user' : 'assistant', text: node.text, ...isNewer };
  }
  const { text = '', status = 'error' } = node.result ?? {};
  return { id, role: 'assistant', text, status, ...isNewer };
}
