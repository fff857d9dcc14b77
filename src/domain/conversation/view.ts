import { limits } from '../../limits.js';
import type { Tape } from '../generation.js';
import { Refusal } from '../refusal.js';
import type { Conversation } from './conversation.js';
import { type Cost, conversationStatus, costOf, type RunStatus, statusOf, type Usage, usageOf } from './run.js';
import {
  type GenerationFinalized,
  idsBack,
  type MessageSent,
  type Node,
  type ShownMessage,
  type ShownNode,
  type ShownReply,
} from './tree.js';

/** A conversation at one moment: the fold of its ledger, and that of the open generation's tape. */
export interface Moment {
  readonly state: Conversation;
  /** Null if no generation is open. */
  readonly tape: Tape | null;
  /** The cursor of the moment. */
  readonly cursor: string;
}

export interface Looking {
  /** The leaf of the shown path. Absent: the selected one. */
  readonly branch?: string | undefined;
  /** Only nodes that came before this one. */
  readonly before?: string | undefined;
}

/** A node of the tree, as clients see it. */
export interface NodeView {
  readonly id: string;
  readonly parent: string | null;
  readonly role: MessageSent['role'];
  readonly kind: 'message' | 'note';
  readonly origin: MessageSent['origin'] | 'model';
  readonly text: string;
  readonly status: RunStatus;
  readonly revises?: string;
  readonly regenerates?: string;
  readonly at: string;
  readonly model?: string;
  readonly usage?: Usage;
  readonly cost?: Cost;
  readonly error?: NonNullable<GenerationFinalized['error']>;
  /** The cursor at which the node is as shown here. */
  readonly cursor: string;
}

/** Shows a conversation at a moment, live or past. Depends on nothing else. */
export interface ConversationView {
  readonly id: string;
  readonly title: string | null;
  readonly system: string | null;
  readonly model: string | null;
  readonly provider: string | null;
  readonly params: Readonly<Record<string, unknown>> | null;
  readonly archived: boolean;
  readonly status: 'generating' | 'queued' | 'idle';
  readonly cursor: string;
  /** The ids from the root to the leaf. `tree` may hold only some of them. */
  readonly path: readonly string[];
  /** Oldest first. */
  readonly tree: readonly NodeView[];
  /** True if there are nodes older than those of `tree`. */
  readonly more: boolean;
}

export function viewOf(id: string, moment: Moment, { branch, before }: Looking = {}): ConversationView {
  const { state, cursor } = moment;
  const { title, system, model, provider, params, archived } = state.settings;
  const { shown, more } = pageOf(state, moment, before);
  return {
    id,
    title,
    system: system?.text ?? null,
    model,
    provider,
    params,
    archived,
    status: conversationStatus(state, isClaimed(moment.tape)),
    cursor,
    path: [...idsBack(state, leafOf(state, branch))].reverse(),
    tree: shown.map((node) => nodeView({ open: state.open, tape: moment.tape, cursor }, node)),
    more,
  };
}

function leafOf(state: Conversation, branch: string | undefined): string | null {
  if (branch === undefined) return state.leaf;
  const node = state.nodes.place(branch);
  if (!node) throw new Refusal('leaf_not_found');
  if (node.kind === 'note') throw new Refusal('leaf_is_note');
  return branch;
}

/** Fills a page, oldest first: at least one node, and fewer than the limit if their texts are long. */
function pageOf(
  state: Conversation,
  { tape }: Moment,
  before: string | undefined,
): { readonly shown: readonly Node[]; readonly more: boolean } {
  const bound = before === undefined ? { seen: Number.POSITIVE_INFINITY } : state.nodes.place(before);
  if (!bound) throw new Refusal('node_not_found');
  const shown: Node[] = [];
  let characters = 0;
  for (const node of state.nodes.newestFirst(bound.seen)) {
    characters += textOf({ open: state.open, tape }, node).length;
    const isFull = shown.length === limits.viewNodesMax || characters > limits.viewTextCharactersMax;
    if (isFull && shown.length > 0) return { shown: shown.reverse(), more: true };
    shown.push(node);
  }
  return { shown: shown.reverse(), more: false };
}

/** The open generation, the fold of its tape, and the cursor of the moment. */
export interface OpenTape {
  readonly open: string | null;
  readonly tape: Tape | null;
  readonly cursor: string;
}

export function nodeView(now: OpenTape, node: ShownNode): NodeView {
  const text = textOf(now, node);
  const status = statusOf(now, node, isClaimed(now.tape));
  return node.kind === 'reply' ? replyView(now, node, text, status) : messageView(node, text, status);
}

function messageView(message: ShownMessage, text: string, status: RunStatus) {
  const { id, parent, role, kind, origin, revises, at, seen } = message;
  return { id, parent, role, kind, origin, text, status, ...(revises && { revises }), at, cursor: `${seen}:0` };
}

function replyView(now: OpenTape, reply: ShownReply, text: string, status: RunStatus): NodeView {
  const { id, parent, regenerates, at, prompt, result } = reply;
  const model = result?.modelServed ?? prompt?.model;
  return {
    id,
    parent,
    role: 'assistant',
    kind: 'message',
    origin: 'model',
    text,
    status,
    ...(regenerates && { regenerates }),
    at,
    ...(model && { model }),
    ...(result && { usage: usageOf(result.usage), cost: costOf(result.cost) }),
    ...(result?.error && { error: result.error }),
    cursor: cursorOf(now, reply),
  };
}

/** The text of the open generation at this moment. Attempts that were retried have no text. */
function textOf({ open, tape }: Pick<OpenTape, 'open' | 'tape'>, node: ShownNode): string {
  if (node.kind !== 'reply') return node.text;
  if (node.result) return node.result.text;
  return (node.id === open && tape?.attempts.at(-1)?.text.content) || '';
}

function cursorOf({ open, cursor }: OpenTape, { id, seen, endSeen }: ShownReply): string {
  if (endSeen !== null) return `${endSeen}:0`;
  return id === open ? cursor : `${seen}:0`;
}

export const isClaimed = (tape: Tape | null): boolean => tape !== null && tape.attempts.length > 0;
