import type { ConversationEvent } from '../../events/conversation-events.js';
import { limits } from '../../limits.js';
import type { AssembledPrompt } from '../prompt/assemble.js';
import { Refusal } from '../refusal.js';
import { requireContent } from '../texts.js';
import {
  asOwner,
  type Command,
  type Conversation,
  type ConversationDecision,
  foreseen,
  isBusy,
  requireOwner,
  requireRoom,
} from './conversation.js';
import { type Assemble, promptAssembled } from './prompting.js';
import { choicesFor, chosen } from './settings.js';
import {
  type AllChoices,
  type Choices,
  type GenerationRequested,
  idsBack,
  type Message,
  type MessageSent,
  messageOf,
  type Reply,
  replyOf,
} from './tree.js';

/** The request for an answer. */
export interface AnswerRequest {
  readonly generationId: string;
  readonly options: Choices;
  /** The hash that a preview showed. A prompt with another hash is refused. */
  readonly expectPrompt?: string;
}

type WhenBusy = NonNullable<AllChoices['whenBusy']>;

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

type Subject = Pick<GenerationRequested, 'messageId' | 'regenerates'>;

/** Sends a message, with or without a request for an answer. Without one it never waits in the queue. */
export function send(
  command: Command,
  message: NewMessage,
  asked: AnswerRequest | null,
  assemble: Assemble,
): ConversationDecision {
  return asOwner(command, (state) => {
    requireRoom(state);
    const asks = message.kind === 'note' ? null : asked;
    const sent = messageSent(state, message, asks ? whenBusyFor(state, asks.options) : 'enqueue');
    if (asks === null || sent.data.kind === 'note') return [sent];
    return requested(state, [sent], { messageId: message.messageId }, asks, assemble);
  });
}

/** Requests the first answer to a message that was sent without a request for one. */
export function generate(
  command: Command,
  messageId: string,
  asked: AnswerRequest,
  assemble: Assemble,
): ConversationDecision {
  return asOwner(command, (state) => {
    requireRoom(state);
    answerable(state, messageId);
    return requested(state, [], { messageId }, asked, assemble);
  });
}

function answerable(state: Conversation, messageId: string): Message {
  const message = messageOf(state, messageId);
  if (message.kind === 'note') throw new Refusal('message_is_note');
  if (message.replied) throw new Refusal('already_replied');
  return message;
}

/** Requests another answer to the same message, with the present settings. */
export function regenerate(
  command: Command,
  generationId: string,
  asked: AnswerRequest,
  assemble: Assemble,
): ConversationDecision {
  return asOwner(command, (state) => {
    requireRoom(state);
    const { parent } = replyOf(state, generationId);
    if (state.queue.includes(generationId)) throw new Refusal('nothing_to_regenerate');
    return requested(state, [], { messageId: parent, regenerates: generationId }, asked, assemble);
  });
}

export type Draft =
  | { readonly message: NewMessage; readonly asked: AnswerRequest }
  | { readonly regenerates: string; readonly asked: AnswerRequest }
  | { readonly answers: string; readonly asked: AnswerRequest };

export interface Preview {
  readonly prompt: AssembledPrompt;
  /** The state with the texts to which the prompt refers. */
  readonly state: Conversation;
}

/** The prompt that a draft would have now, made by the function that its turn would use. */
export function preview(by: Command['by'], draft: Draft, assemble: Assemble): (state: Conversation) => Preview {
  return (state) => {
    requireOwner(state, by);
    requireRoom(state);
    const ahead = foreseen(state, drafted(state, draft));
    const reply = replyOf(ahead, draft.asked.generationId);
    const unended = new Set([state.open, ...state.queue]);
    if ([...idsBack(ahead, reply.parent)].some((id) => unended.has(id))) throw new Refusal('prompt_not_known_yet');
    return { prompt: assembled(ahead, reply, assemble), state: ahead };
  };
}

function drafted(state: Conversation, draft: Draft): ConversationEvent[] {
  if ('regenerates' in draft) {
    const { parent } = replyOf(state, draft.regenerates);
    return [generationRequested({ messageId: parent, regenerates: draft.regenerates }, draft.asked)];
  }
  if ('answers' in draft) {
    return [generationRequested({ messageId: answerable(state, draft.answers).id }, draft.asked)];
  }
  const sent = messageSent(state, draft.message, whenBusyFor(state, draft.asked.options));
  if (sent.data.kind === 'note') throw new Refusal('message_is_note');
  return [sent, generationRequested({ messageId: sent.data.messageId }, draft.asked)];
}

function requested(
  state: Conversation,
  said: readonly ConversationEvent[],
  subject: Subject,
  asked: AnswerRequest,
  assemble: Assemble,
): readonly ConversationEvent[] {
  return isBusy(state)
    ? requestedWhileBusy(state, said, subject, asked)
    : requestedAtOnce(state, [...said, generationRequested(subject, asked)], asked, assemble);
}

function requestedAtOnce(
  state: Conversation,
  events: readonly ConversationEvent[],
  { generationId, expectPrompt }: AnswerRequest,
  assemble: Assemble,
): readonly ConversationEvent[] {
  const ahead = foreseen(state, events);
  const reply = replyOf(ahead, generationId);
  const prompt = assembled(ahead, reply, assemble);
  if (expectPrompt !== undefined && expectPrompt !== prompt.sha256) {
    throw new Refusal('prompt_changed', { promptSha256: prompt.sha256 });
  }
  return [...events, promptAssembled(reply, prompt)];
}

function requestedWhileBusy(
  state: Conversation,
  said: readonly ConversationEvent[],
  subject: Subject,
  asked: AnswerRequest,
): readonly ConversationEvent[] {
  const whenBusy = whenBusyFor(state, asked.options);
  if (whenBusy === 'reject') throw new Refusal('conversation_busy', { generationId: state.open });
  if (asked.expectPrompt !== undefined) throw new Refusal('prompt_not_known_yet');
  if (state.queue.length >= limits.queuedTurnsMax) throw new Refusal('queue_full', { turnsMax: limits.queuedTurnsMax });
  if (whenBusy === 'enqueue') return [...said, generationRequested(subject, asked, 'last')];
  whenBusy satisfies 'interrupt';
  requireAnsweredBefore(foreseen(state, said), subject.messageId);
  return [...said, generationRequested(subject, asked, 'next'), ...cancelOfOpen(state)];
}

function cancelOfOpen(state: Conversation): ConversationEvent[] {
  if (state.open === null || replyOf(state, state.open).cancelRequested) return [];
  return [{ type: 'GenerationCancelRequested', data: { generationId: state.open, reason: 'interrupted' } }];
}

const generationRequested = (
  subject: Subject,
  { generationId, options }: AnswerRequest,
  turn?: GenerationRequested['turn'],
): ConversationEvent => ({
  type: 'GenerationRequested',
  data: { generationId, ...subject, options: chosen(options), ...(turn && { turn }) },
});

function assembled(state: Conversation, reply: Reply, assemble: Assemble): AssembledPrompt {
  const prompt = assemble(state, reply);
  if (prompt instanceof Refusal) throw prompt;
  return prompt;
}

const whenBusyFor = ({ settings }: Conversation, options: Choices): WhenBusy =>
  choicesFor(settings, options).whenBusy ?? 'reject';

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

/** The reply after which a queued turn would run. It is the default parent of the turn. */
function replyBefore(state: Conversation, whenBusy: WhenBusy): string | null {
  const ahead = whenBusy === 'interrupt' ? state.queue.filter((id) => isNext(state, id)) : state.queue;
  return ahead.at(-1) ?? state.open;
}

/** An interrupting turn must not follow a message whose answer is still queued behind it. */
function requireAnsweredBefore(state: Conversation, messageId: string): void {
  const oldestFirst = [...idsBack(state, messageId)].reverse();
  const waiting = oldestFirst.find((id) => state.queue.includes(id) && !isNext(state, id));
  if (waiting !== undefined) throw new Refusal('parent_is_queued', { generationId: waiting });
}

const isNext = (state: Conversation, id: string): boolean => replyOf(state, id).turn === 'next';
