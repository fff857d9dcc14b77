import { type Answer, answerOf } from '../domain/conversation/answer.js';
import type { Command, Conversation } from '../domain/conversation/conversation.js';
import type { Recorded } from '../domain/decider.js';
import { derivedId } from '../domain/derived-id.js';
import { Refusal } from '../domain/refusal.js';
import { conversationOf, isConversationId } from '../domain/streams.js';
import type { ConversationEvent } from '../events/conversation-events.js';
import { limits } from '../limits.js';
import { type CommandPlace, decodeOrFail } from '../ports/event-log.js';
import type { Ids } from '../ports/ids.js';
import { metadataOf, type WritingCaller } from './caller.js';
import type { ConversationParts } from './conversation-parts.js';
import { type Awaitable, CommandKnown } from './transact.js';
import { transactConversation } from './transact-conversation.js';

/** A command with the ids that derive from it, so that a repeated command creates the same things. */
export interface Request {
  readonly command: Command;
  /** The ids of what the command creates. */
  readonly idOf: (what: 'conversation' | 'message' | 'generation') => string;
}

/** The first part of the name of every command id that derives from a key. No other derived id has it. */
const KEYS = '6f1b0d1e-52a5-4a0c-9c3b-6f5a5ed0c7b4';

/** Always the same id for the same key of the same user. Without a key, a new id. */
function commandIdOf({ tenant, user, idempotency }: WritingCaller, ids: Ids): string {
  return idempotency ? derivedId(KEYS, JSON.stringify([tenant, user, idempotency.key])) : ids.random();
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
  /** In which the command has acted. */
  readonly conversation: string;
  /** The first answer of the command. Undefined if it changed nothing. */
  readonly answer: Answer | undefined;
  readonly state: Conversation;
}

/** Handles a command once. A repeated command gets the first answer. */
export async function handle(
  parts: ConversationParts,
  caller: WritingCaller,
  conversation: string,
  { command }: Request,
  decide: (state: Conversation) => Awaitable<readonly ConversationEvent[]>,
): Promise<Handled> {
  const { commandId, fingerprint, by } = command;
  const isKeyed = fingerprint !== undefined;
  if (!isConversationId(conversation)) {
    if (isKeyed && (await parts.log.findCommand(commandId))) throw new Refusal('idempotency_key_reused');
    throw new Refusal('conversation_not_found');
  }
  const meta = { ...metadataOf(caller, commandId), owner: by.user, ...(isKeyed && { fingerprint }) };
  try {
    const transaction = { tenant: by.tenant, conversation, meta, isKeyed, decide };
    const { events, state } = await transactConversation(parts, transaction);
    const last = events.at(-1);
    return { conversation, answer: last && answerOf(events, last.revision + 1), state };
  } catch (error) {
    if (error instanceof CommandKnown) return answeredBefore(parts, command, error.place);
    throw error;
  }
}

/**
 * The command has acted before. The same request gets the first answer, with the ids that its events have; another one is
 * refused. The fingerprint includes the path, so a request to another conversation is another one.
 */
async function answeredBefore(
  { log, codec, conversations }: ConversationParts,
  { commandId, fingerprint }: Command,
  { stream, revision }: CommandPlace,
): Promise<Handled> {
  const recorded: Recorded<ConversationEvent>[] = [];
  for await (const page of log.readStream(stream, { from: revision, eventsMax: limits.appendEventsMax })) {
    recorded.push(...page.map((event) => decodeOrFail(codec, event) as Recorded<ConversationEvent>));
  }
  const others = recorded.findIndex(({ meta }) => meta.commandId !== commandId);
  const events = others < 0 ? recorded : recorded.slice(0, others);
  if (events[0]?.meta.fingerprint !== fingerprint) throw new Refusal('idempotency_key_reused');
  const { state } = await conversations.current(stream);
  return { conversation: conversationOf({ stream }), answer: answerOf(events, revision + events.length), state };
}

/** The cursor after the effect of a command. */
export function cursorOf({ answer, state }: Handled): string {
  return `${(answer ?? state).seen}:0`;
}
