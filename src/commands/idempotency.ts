import { answerTo } from '../domain/conversation/command.js';
import { conversationStream } from '../domain/conversation/conversation.js';
import { derivedId } from '../domain/derived-id.js';
import { Refusal } from '../domain/refusal.js';
import type { CommandPlaces } from '../ports/command-places.js';
import type { Ids } from '../ports/ids.js';
import type { WritingCaller } from './caller.js';
import type { ConversationFolds } from './conversation-parts.js';

/** The first part of every command id that derives from a key: it sets them apart from all other derived ids. */
const KEYS = '6f1b0d1e-52a5-4a0c-9c3b-6f5a5ed0c7b4';

/** The same for the same key of the same user, for ever; without a key, one that nobody has used. */
export function commandIdOf({ tenant, user, idempotency }: WritingCaller, ids: Ids): string {
  return idempotency ? derivedId(KEYS, JSON.stringify([tenant, user, idempotency.key])) : ids.random();
}

interface Bindings {
  readonly places: CommandPlaces;
  readonly conversations: ConversationFolds;
}

/**
 * Binds a command to its conversation. Within it the conversation itself knows what it has handled; this is about the
 * others, where the same key must not do a second thing. A key whose command came to nothing, because it was refused or
 * never arrived, is free again.
 */
export async function bindToConversation(
  { places, conversations }: Bindings,
  commandId: string,
  conversation: string,
): Promise<void> {
  let place = await places.claim(commandId, conversation);
  while (place !== conversation) {
    await requireUnhandledIn(place, commandId, conversations);
    place = await places.move(commandId, place, conversation);
  }
}

/** For a request that no conversation could take: whether its key was used is told before everything else. */
export async function requireUnhandled({ places, conversations }: Bindings, commandId: string): Promise<void> {
  const place = await places.find(commandId);
  if (place !== undefined) await requireUnhandledIn(place, commandId, conversations);
}

async function requireUnhandledIn(place: string, commandId: string, conversations: ConversationFolds): Promise<void> {
  const { state } = await conversations.current(conversationStream(place));
  if (answerTo(state, commandId)) throw new Refusal('idempotency_key_reused');
}
