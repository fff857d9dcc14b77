import { limits } from '../../limits.js';
import { Refusal } from '../refusal.js';
import type { Conversation } from './conversation.js';

/** Checks the limits before a text or a node is added. The end or the cancel of a turn always fits. */
export function requireRoom({ nodes, textBytes, foldBytes, seen }: Conversation): void {
  const { conversationNodesMax: nodesMax, conversationTextBytesMax: textBytesMax } = limits;
  const hasRoomInMemory = foldBytes < limits.conversationFoldBytesMax && seen < limits.conversationEventsMax;
  if (nodes.size < nodesMax && textBytes < textBytesMax && hasRoomInMemory) return;
  throw new Refusal('conversation_full', { nodes: nodes.size, nodesMax, textBytes, textBytesMax });
}

/** Checks the limit for changes, which is higher than that for messages. */
export function requireRoomForChange({ nodes, textBytes, foldBytes, seen }: Conversation): void {
  if (seen < limits.conversationChangeEventsMax && foldBytes < limits.conversationChangeFoldBytesMax) return;
  const { conversationNodesMax: nodesMax, conversationTextBytesMax: textBytesMax } = limits;
  throw new Refusal('conversation_full', { nodes: nodes.size, nodesMax, textBytes, textBytesMax });
}
