import { limits } from '../../limits.js';
import { Refusal } from '../refusal.js';
import type { Conversation } from './conversation.js';

/** For whatever adds a text or a node. What ends or cancels a turn always has room. */
export function requireRoom({ nodes, textBytes, foldBytes, seen }: Conversation): void {
  const { conversationNodesMax: nodesMax, conversationTextBytesMax: textBytesMax } = limits;
  const hasRoomInMemory = foldBytes < limits.conversationFoldBytesMax && seen < limits.conversationEventsMax;
  if (nodes.size < nodesMax && textBytes < textBytesMax && hasRoomInMemory) return;
  throw new Refusal('conversation_full', { nodes: nodes.size, nodesMax, textBytes, textBytesMax });
}

/** For what only changes a conversation: it is possible for long after the last message. */
export function requireRoomForChange({ nodes, textBytes, foldBytes, seen }: Conversation): void {
  if (seen < limits.conversationChangeEventsMax && foldBytes < limits.conversationChangeFoldBytesMax) return;
  const { conversationNodesMax: nodesMax, conversationTextBytesMax: textBytesMax } = limits;
  throw new Refusal('conversation_full', { nodes: nodes.size, nodesMax, textBytes, textBytesMax });
}
