import type { ConversationEvent } from '../../events/conversation-events.js';
import type { Decide } from '../decider.js';
import { Refusal } from '../refusal.js';
import type { Conversation } from './conversation.js';
import type { Answer } from './handled.js';

/** What every command of a person or client carries. Its events have both ids in their metadata. */
export interface Command {
  readonly commandId: string;
  /** Of the whole request. Without one, the same id is the same command. */
  readonly fingerprint?: string;
  readonly by: { readonly tenant: string; readonly user: string };
}

export type Decision = Decide<Conversation, ConversationEvent>;

/**
 * A decision for those whose conversation it is, made once: its repetition decides nothing, and its answer is the first
 * one. To anybody else the conversation does not exist.
 */
export function once(command: Command, decide: Decision): Decision {
  return (state) => {
    requireOwner(state, command.by);
    return isRepeated(state, command) ? [] : decide(state);
  };
}

export function requireOwner({ owner }: Conversation, by: Command['by']): void {
  if (owner?.tenant !== by.tenant || owner.user !== by.user) throw new Refusal('conversation_not_found');
}

export function isRepeated(state: Conversation, { commandId, fingerprint }: Command): boolean {
  const handled = state.handled.get(commandId);
  if (handled && handled.fingerprint !== fingerprint) throw new Refusal('idempotency_key_reused');
  return handled !== undefined;
}

/** The answer to a command whose events stand; a command that changed nothing has none, and is decided again. */
export function answerTo(state: Conversation, commandId: string): Answer | undefined {
  return state.handled.get(commandId)?.answer;
}
