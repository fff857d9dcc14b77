import type { ConversationEvent, Failure } from '../../events/conversation-events.js';
import { Refusal } from '../refusal.js';
import type { NodePlace, Nodes } from './nodes.js';

type DataOf<T extends ConversationEvent['type']> = Extract<ConversationEvent, { type: T }>['data'];

export type MessageSent = DataOf<'MessageSent'>;
export type GenerationRequested = DataOf<'GenerationRequested'>;
export type PromptAssembled = DataOf<'PromptAssembled'>;
export type GenerationFinalized = DataOf<'GenerationFinalized'>;

/** The choices of one turn. Absent or null: the choice of the conversation. */
export type Choices = GenerationRequested['options'];

/** All choices. Null: not chosen. */
export type AllChoices = { readonly [C in keyof Choices]-?: Exclude<Choices[C], undefined> };

interface Placed extends NodePlace {
  readonly id: string;
  readonly at: string;
  /** A later release recorded content that no prompt of this one can contain. */
  readonly isNewer?: true;
}

/** A message or a note. A note is outside the tree: no node follows it, and no prompt contains it. */
export interface Message extends Placed {
  readonly kind: 'message' | 'note';
  readonly role: MessageSent['role'];
  readonly origin: MessageSent['origin'];
  readonly text: string;
  readonly revises: string | null;
  readonly replied: boolean;
}

/** The end of a generation, with the text of its answer. */
export type Result = Omit<GenerationFinalized, 'blocks'> & { readonly text: string };

/** One generation: its request, its prompt if it is known, and its end if it has ended. */
export interface Reply extends Placed {
  readonly kind: 'reply';
  /** The answered message. */
  readonly parent: string;
  readonly regenerates: string | null;
  readonly options: Choices;
  /** Its place in the queue at its request. Null if it did not wait. */
  readonly turn: 'next' | 'last' | null;
  /** The trace of its request, to which all later work on it belongs. */
  readonly correlationId: string;
  readonly traceparent: string | undefined;
  readonly prompt: PromptAssembled | null;
  readonly promptedAt: string | null;
  /** The number of ledger events up to its prompt. Null if it has none. */
  readonly promptSeen: number | null;
  readonly cancelRequested: boolean;
  readonly result: Result | null;
  /** The number of ledger events up to its end. Null if it has not ended. */
  readonly endSeen: number | null;
}

export type Node = Message | Reply;

/** The nodes of a conversation, by their ids. */
export interface NodeTree {
  readonly nodes: Nodes<Node>;
}

/** The text and status of a node that clients see. */
export type ShownNode = ShownMessage | ShownReply;
export type ShownMessage = Omit<Message, 'replied' | 'root' | 'depth' | 'isNewer'>;
export interface ShownReply extends Pick<Reply, 'kind' | 'id' | 'parent' | 'at' | 'seen' | 'regenerates' | 'endSeen'> {
  readonly prompt: Pick<PromptAssembled, 'model'> | null;
  readonly result:
    | (Pick<Result, 'status' | 'text' | 'modelServed' | 'usage' | 'cost'> & {
        readonly error?: Failure | null;
      })
    | null;
}

/** The path from the root to a node, oldest first. Empty if there is no such node. */
export const pathTo = (tree: NodeTree, id: string | null): readonly Node[] => [...pathBack(tree, id)].reverse();

/** The path from a node back to the root. The caller may stop the walk early. */
export function* pathBack({ nodes }: NodeTree, id: string | null): Iterable<Node> {
  for (let node = at(nodes, id); node; node = at(nodes, node.parent)) yield node;
}

/** The ids of the same path. They are known without loading the nodes. */
export function* idsBack({ nodes }: NodeTree, id: string | null): Iterable<string> {
  let next = id;
  while (next !== null) {
    const place = nodes.place(next);
    if (!place) return;
    yield next;
    next = place.parent;
  }
}

const at = (nodes: NodeTree['nodes'], id: string | null): Node | undefined => (id === null ? undefined : nodes.get(id));

/** The generations from the first answer to this one inclusive. */
export function lineageOf({ nodes }: NodeTree, id: string): readonly string[] {
  const lineage: string[] = [];
  for (let node = nodes.get(id); node?.kind === 'reply'; node = at(nodes, node.regenerates)) lineage.push(node.id);
  return lineage.reverse();
}

/** Oldest first. */
export function nodesOf({ nodes }: NodeTree): readonly Node[] {
  return [...nodes.newestFirst()].reverse();
}

export function messageOf({ nodes }: NodeTree, id: string): Message {
  const node = nodes.get(id);
  if (node === undefined || node.kind === 'reply') throw new Refusal('message_not_found');
  return node;
}

export function replyOf({ nodes }: NodeTree, id: string): Reply {
  const node = nodes.get(id);
  if (node?.kind !== 'reply') throw new Refusal('generation_not_found');
  return node;
}
