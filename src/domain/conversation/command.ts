import type { ConversationEvent } from '../../events/conversation-events.js';
import type { Decide } from '../decider.js';
import { Refusal } from '../refusal.js';
import type { Conversation } from './conversation.js';

/** The ids and the user of a command. Its events have both ids in their metadata. */
export interface Command {
  readonly commandId: string;
  /** The hash of the whole request, if it has an idempotency key. */
  readonly fingerprint?: string;
  readonly by: { readonly tenant: string; readonly user: string };
}

export type ConversationDecision = Decide<Conversation, ConversationEvent>;

/** A decision for the owner of a conversation. For other callers the conversation does not exist. */
export function asOwner({ by }: Pick<Command, 'by'>, decide: ConversationDecision): ConversationDecision {
  return (state) => {
    requireOwner(state, by);
    return decide(state);
  };
}

export function requireOwner({ owner }: Conversation, by: Command['by']): void {
  if (owner?.tenant !== by.tenant || owner.user !== by.user) throw new Refusal('conversation_not_found');
}
