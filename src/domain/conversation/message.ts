import type { ConversationEvent } from '../../events/conversation-events.js';
import { Refusal } from '../refusal.js';
import { requireContent } from '../text.js';
import type { Conversation } from './conversation.js';
import type { Message, MessageSent } from './nodes.js';
import { replyBefore, type WhenBusy } from './queue.js';
import { messageOf } from './tree.js';

export interface NewMessage {
  readonly messageId: string;
  readonly content: string;
  readonly origin: MessageSent['origin'];
  /** Absent: that of the revised message, or else `message`. */
  readonly kind?: Message['kind'];
  /** Absent: the node before it in its turn. Null: it is a new root. */
  readonly parent?: string | null;
  readonly revises?: string;
}

export function messageSent(
  state: Conversation,
  message: NewMessage,
  whenBusy: WhenBusy,
): Extract<ConversationEvent, { type: 'MessageSent' }> {
  const { messageId, content, origin, revises } = message;
  requireContent(content);
  const placed =
    revises === undefined ? newPlace(state, message, whenBusy) : samePlace(messageOf(state, revises), message);
  return {
    type: 'MessageSent',
    data: {
      messageId,
      ...placed,
      role: 'user',
      origin,
      parts: [{ type: 'text', text: content }],
      ...(revises !== undefined && { revises }),
    },
  };
}

type MessagePlace = Pick<MessageSent, 'parent' | 'kind'>;

function newPlace(state: Conversation, { kind = 'message', parent }: NewMessage, whenBusy: WhenBusy): MessagePlace {
  if (parent === undefined) return { kind, parent: replyBefore(state, whenBusy) ?? state.leaf };
  const node = parent === null ? null : state.nodes.get(parent);
  if (node === undefined) throw new Refusal('parent_not_found');
  if (node?.kind === 'note') throw new Refusal('parent_is_note');
  return { kind, parent };
}

/** A revision has the parent of the revised message. */
function samePlace(revised: Message, { kind = revised.kind, parent = revised.parent }: NewMessage): MessagePlace {
  if (kind !== revised.kind || parent !== revised.parent) throw new Refusal('revision_mismatch');
  return { kind, parent };
}
