import { Refusal } from '../refusal.js';
import type { Conversation } from './conversation.js';
import type { Message, Node, Reply, ShownNode } from './nodes.js';
import type { RunStatus } from './run.js';

/** The path from the root to a node, oldest first. Empty if there is no such node. */
export const pathTo = (state: Conversation, id: string | null): readonly Node[] => [...pathBack(state, id)].reverse();

/** The path from a node back to the root. The caller may stop the walk early. */
export function* pathBack({ nodes }: Conversation, id: string | null): Iterable<Node> {
  for (let node = at(nodes, id); node; node = at(nodes, node.parent)) yield node;
}

const at = (nodes: Conversation['nodes'], id: string | null): Node | undefined =>
  id === null ? undefined : nodes.get(id);

/** The generations from the first answer to this one inclusive. */
export function lineageOf({ nodes }: Conversation, id: string): readonly string[] {
  const lineage: string[] = [];
  for (let node = nodes.get(id); node?.kind === 'reply'; node = at(nodes, node.regenerates)) lineage.push(node.id);
  return lineage.reverse();
}

/** Oldest first. */
export function nodesOf({ nodes }: Conversation): readonly Node[] {
  return nodes.values().sort((one, other) => one.seen - other.seen);
}

/** `openIsClaimed` comes from the tape of the open generation, because the ledger has no claims. */
export function statusOf({ open }: Pick<Conversation, 'open'>, node: ShownNode, openIsClaimed: boolean): RunStatus {
  if (node.kind !== 'reply') return 'final';
  if (node.result) return node.result.status;
  return node.id === open && openIsClaimed ? 'streaming' : 'queued';
}

export function conversationStatus(
  state: Pick<Conversation, 'open' | 'queue'>,
  openIsClaimed: boolean,
): 'generating' | 'queued' | 'idle' {
  if (!isBusy(state)) return 'idle';
  return state.open !== null && openIsClaimed ? 'generating' : 'queued';
}

export const isBusy = ({ open, queue }: Pick<Conversation, 'open' | 'queue'>): boolean =>
  open !== null || queue.length > 0;

export function messageOf({ nodes }: Conversation, id: string): Message {
  const node = nodes.get(id);
  if (node === undefined || node.kind === 'reply') throw new Refusal('message_not_found');
  return node;
}

export function replyOf({ nodes }: Conversation, id: string): Reply {
  const node = nodes.get(id);
  if (node?.kind !== 'reply') throw new Refusal('generation_not_found');
  return node;
}
