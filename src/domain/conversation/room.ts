import { limits } from '../../limits.js';
import { Refusal } from '../refusal.js';
import type { Conversation } from './conversation.js';

/** For whatever adds a text or a node. What ends or cancels a turn always has room. */
export function requireRoom({ nodes, textBytes, seen }: Conversation): void {
  const { conversationNodesMax: nodesMax, conversationTextBytesMax: textBytesMax, conversationEventsMax } = limits;
  if (nodes.size < nodesMax && textBytes < textBytesMax && seen < conversationEventsMax) return;
  throw new Refusal('conversation_full', { nodes: nodes.size, nodesMax, textBytes, textBytesMax });
}

/** For what only changes a conversation: it is possible for long after the last message. */
export function requireRoomForChange({ nodes, textBytes, seen }: Conversation): void {
  if (seen < limits.conversationChangeEventsMax) return;
  const { conversationNodesMax: nodesMax, conversationTextBytesMax: textBytesMax } = limits;
  throw new Refusal('conversation_full', { nodes: nodes.size, nodesMax, textBytes, textBytesMax });
}
