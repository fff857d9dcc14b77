import type { ConversationEvent } from '../../events/conversation-events.js';
import { limits } from '../../limits.js';
import type { Aggregate, Decide, Recorded } from '../decider.js';
import { Refusal } from '../refusal.js';
import { textBytesIn } from '../texts.js';
import { ended, prompted, requestedNode, sentNode, withoutText } from './node-of-events.js';
import { type NodePlace, Nodes } from './nodes.js';
import { noSettings, type Settings, type SettingsEvent, type SettledBy, settled } from './settings.js';
import { SystemTexts } from './system-texts.js';
import type { GenerationFinalized, MessageSent, NodeTree, PromptAssembled, Reply } from './tree.js';

/** The owner of a conversation. Null if no user is recorded. */
export interface Owner {
  readonly tenant: string;
  readonly user: string | null;
}

export interface Conversation extends NodeTree {
  /** The number of events, which is the first part of the cursor. */
  readonly seen: number;
  /** Null before the conversation is started. */
  readonly owner: Owner | null;
  readonly settings: Settings;
  /** The event that set the owner and each setting, counted from 1. Absent: none has. */
  readonly settledBy: SettledBy;
  /** Every system text that it ever had, by the id of its event, to which recorded prompts refer. */
  readonly systemTexts: SystemTexts;
  /** Bytes of UTF-8 in all messages, notes, answers and system texts that it ever had. */
  readonly textBytes: number;
  /** The weight of its fold in the cache of folds. 0 in a fold that is not cached. */
  readonly foldBytes: number;
  /** The number of nodes whose texts the fold dropped, because no decision reads them. */
  readonly withoutTexts: number;
  /** The selected leaf: the node that was last selected, sent (except notes) or requested. */
  readonly leaf: string | null;
  /** The generation with a prompt and without an end. At most one is open. */
  readonly open: string | null;
  /** Queued generations, in the order in which they will run. */
  readonly queue: readonly string[];
}

export const isBusy = ({ open, queue }: Pick<Conversation, 'open' | 'queue'>): boolean =>
  open !== null || queue.length > 0;

/**
 * The fold needs recorded events, because ids and times of the envelope are part of the state: a prompt refers to the event
 * that holds the system text.
 */
export type RecordedInConversation = Recorded<ConversationEvent>;
type Requested = Extract<RecordedInConversation, { type: 'GenerationRequested' }>;

export const conversation: Aggregate<Conversation, RecordedInConversation> = {
  initial: {
    seen: 0,
    owner: null,
    settings: noSettings,
    settledBy: {},
    systemTexts: SystemTexts.empty,
    nodes: Nodes.empty(),
    textBytes: 0,
    foldBytes: 0,
    withoutTexts: 0,
    leaf: null,
    open: null,
    queue: [],
  },
  evolve(before, event) {
    const seen = before.seen + 1;
    const textBytes = before.textBytes + textBytesIn(event);
    const state = { ...before, seen, textBytes };
    return { ...state, ...changedBy(state, event) };
  },
};

/**
 * The same fold for decisions, without the texts of notes and of failed answers. Neither enters a prompt, so cached folds
 * save their memory.
 */
export const decidedConversation: Aggregate<Conversation, RecordedInConversation> = {
  initial: conversation.initial,
  evolve(before, event) {
    const after = conversation.evolve(before, event);
    return decidedConversation.keepsTexts?.(event) ? after : withoutTextOf(before, after, event);
  },
  keepsTexts: ({ type, data }) =>
    !(type === 'MessageSent' && data.kind === 'note') && !(type === 'GenerationFinalized' && data.status === 'error'),
  weighed: (state, foldBytes) => ({ ...state, foldBytes }),
};

function withoutTextOf(
  before: Conversation,
  after: Conversation,
  { type, data }: RecordedInConversation,
): Conversation {
  const id = type === 'MessageSent' ? data.messageId : type === 'GenerationFinalized' ? data.generationId : '';
  const node = after.nodes.get(id);
  if (!node || node === before.nodes.get(id)) return after;
  return { ...after, nodes: after.nodes.set(id, withoutText(node)), withoutTexts: after.withoutTexts + 1 };
}

/** The state after events that are not appended. They have no ids and times, and no prompt may refer to them. */
export function foreseen(state: Conversation, events: readonly ConversationEvent[]): Conversation {
  const envelope = { id: '', tenant: state.owner?.tenant ?? '', at: '', meta: { commandId: '', correlationId: '' } };
  return events.reduce((ahead, event) => conversation.evolve(ahead, { ...event, ...envelope }), state);
}

/** The changes of an event. An event that does not fit the state changes nothing, so no node is overwritten. */
function changedBy(state: Conversation, event: RecordedInConversation): Partial<Conversation> {
  switch (event.type) {
    case 'ConversationStarted':
      return state.owner
        ? {}
        : { owner: { tenant: event.tenant, user: event.meta.owner ?? null }, ...settingsChanged(state, event) };
    case 'ConversationRenamed':
    case 'ConversationArchived':
    case 'ConversationRestored':
    case 'ConversationConfigured':
      return settingsChanged(state, event);
    case 'MessageSent':
      return messageSent(state, event.data, event.at);
    case 'GenerationRequested':
      return generationRequested(state, event);
    case 'PromptAssembled':
      return promptAssembled(state, event.data, event.at);
    case 'GenerationCancelRequested':
      return replyChanged(state, event.data.generationId, { cancelRequested: true });
    case 'GenerationFinalized':
      return generationFinalized(state, event.data);
    case 'BranchSelected':
      return canBeLeaf(state.nodes.place(event.data.leaf)) ? { leaf: event.data.leaf } : {};
    default:
      // An event of a later version counts for the cursor and changes nothing else.
      event satisfies never;
      return {};
  }
}

function settingsChanged(state: Conversation, event: SettingsEvent): Partial<Conversation> {
  const { seen, systemTexts } = state;
  const system = 'system' in event.data ? event.data.system : undefined;
  return {
    ...settled(state, event, seen),
    ...(typeof system === 'string' && { systemTexts: systemTexts.with({ event: event.id, text: system, seen }) }),
  };
}

function messageSent(state: Conversation, data: MessageSent, at: string): Partial<Conversation> {
  const { messageId: id, kind } = data;
  if (state.nodes.has(id)) return {};
  // A missing parent could come later and close a cycle, so such a message becomes a root.
  const parent = data.parent !== null && canBeLeaf(state.nodes.place(data.parent)) ? data.parent : null;
  const message = sentNode(data, { id, at, ...placeBehind(state, parent, id) });
  return { nodes: state.nodes.set(id, message), ...(kind === 'message' && { leaf: id }) };
}

function placeBehind({ nodes, seen }: Conversation, parent: string | null, id: string): Omit<NodePlace, 'kind'> {
  const before = parent === null ? undefined : nodes.place(parent);
  return { parent, seen, ...(before ? { root: before.root, depth: before.depth + 1 } : { root: id, depth: 0 }) };
}

function generationRequested(state: Conversation, event: Requested): Partial<Conversation> {
  const { generationId: id, messageId, regenerates } = event.data;
  const message = state.nodes.place(messageId)?.kind === 'message' ? state.nodes.get(messageId) : undefined;
  if (state.nodes.has(id) || message?.kind !== 'message') return {};
  // As with parents: a missing answer could close a cycle.
  const before = regenerates !== undefined && state.nodes.has(regenerates) ? regenerates : null;
  const reply = requestedNode(event, { id, at: event.at, ...placeBehind(state, messageId, id) }, before);
  const nodes = state.nodes.set(id, reply);
  return {
    nodes: message.replied ? nodes : nodes.set(messageId, { ...message, replied: true }),
    leaf: id,
    queue: queuedWith(state, reply),
  };
}

/** Interrupting turns come first, in the order in which they were sent. */
function queuedWith({ nodes, queue }: Conversation, { id, turn }: Reply): readonly string[] {
  if (turn !== 'next') return [...queue, id];
  const firstToWait = queue.findIndex((other) => (nodes.get(other) as Reply).turn !== 'next');
  return firstToWait < 0 ? [...queue, id] : queue.toSpliced(firstToWait, 0, id);
}

/** Only its prompt opens a generation. */
function promptAssembled(state: Conversation, data: PromptAssembled, at: string): Partial<Conversation> {
  const { generationId } = data;
  if (state.open !== null || !state.queue.includes(generationId)) return {};
  return {
    ...replyChanged(state, generationId, prompted(data, at, state.seen)),
    open: generationId,
    queue: without(state.queue, generationId),
  };
}

function generationFinalized(state: Conversation, data: GenerationFinalized): Partial<Conversation> {
  const { generationId } = data;
  const reply = state.nodes.place(generationId)?.kind === 'reply' ? state.nodes.get(generationId) : undefined;
  if (reply?.kind !== 'reply' || reply.result) return {};
  return {
    ...replyChanged(state, generationId, ended(data, state.seen)),
    open: state.open === generationId ? null : state.open,
    queue: without(state.queue, generationId),
  };
}

function replyChanged(state: Conversation, id: string, change: Partial<Reply>): Partial<Conversation> {
  const reply = state.nodes.get(id);
  return reply?.kind === 'reply' ? { nodes: state.nodes.set(id, { ...reply, ...change }) } : {};
}

const without = (queue: readonly string[], id: string): readonly string[] =>
  queue.includes(id) ? queue.filter((other) => other !== id) : queue;

const canBeLeaf = (node: NodePlace | undefined): boolean => node !== undefined && node.kind !== 'note';

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
