import { answerTo, type Command } from '../domain/conversation/command.js';
import { type Conversation, isConversationId } from '../domain/conversation/conversation.js';
import type { Answer } from '../domain/conversation/handled.js';
import { derivedId } from '../domain/derived-id.js';
import { Refusal } from '../domain/refusal.js';
import type { ConversationEvent } from '../events/conversation-events.js';
import { metadataOf, type WritingCaller } from './caller.js';
import type { ConversationParts } from './conversation-parts.js';
import { bindToConversation, commandIdOf, requireUnhandled } from './idempotency.js';
import { type Awaitable, Overtaken } from './transact.js';
import { transactConversation } from './transact-conversation.js';

/** One request of a person or client, and the ids that follow from it: asked again, it makes the same things. */
export interface Request {
  readonly command: Command;
  /** Of what the command creates. */
  readonly idOf: (what: 'conversation' | 'message' | 'generation') => string;
}

export function requestOf(caller: WritingCaller, { ids }: ConversationParts): Request {
  const { tenant, user, idempotency } = caller;
  const commandId = commandIdOf(caller, ids);
  const fingerprint = idempotency && { fingerprint: idempotency.fingerprint };
  return {
    command: { commandId, by: { tenant, user }, ...fingerprint },
    idOf: (what) => derivedId(commandId, what),
  };
}

export interface Handled {
  /** What the command was answered the first time; nothing when it changed nothing. */
  readonly answer: Answer | undefined;
  readonly state: Conversation;
}

/** Decides once on a command of a person or client, and answers as the first time when it comes again. */
export async function handle(
  parts: ConversationParts,
  caller: WritingCaller,
  conversation: string,
  { command }: Request,
  decide: (state: Conversation) => Awaitable<readonly ConversationEvent[]>,
): Promise<Handled> {
  const { commandId, fingerprint, by } = command;
  if (!isConversationId(conversation)) {
    if (fingerprint !== undefined) await requireUnhandled(parts, commandId);
    throw new Refusal('conversation_not_found');
  }
  if (fingerprint !== undefined) await bindToConversation(parts, commandId, conversation);
  const meta = { ...metadataOf(caller, commandId), owner: by.user, ...(fingerprint !== undefined && { fingerprint }) };
  try {
    const { state } = await transactConversation(parts, { tenant: by.tenant, conversation, meta, decide });
    return { answer: answerTo(state, commandId), state };
  } catch (error) {
    // Its key may have been used elsewhere while it was on its way.
    if (error instanceof Overtaken && fingerprint !== undefined)
      await bindToConversation(parts, commandId, conversation);
    throw error;
  }
}

/** The cursor at which the effect of a command can be seen. */
export function cursorOf({ answer, state }: Handled): string {
  return `${(answer ?? state).seen}:0`;
}
