import { limits } from '../../limits.js';
import type { Tape } from '../generation.js';
import { Refusal } from '../refusal.js';
import type { Conversation } from './conversation.js';
import { type Cost, conversationStatus, costOf, type RunStatus, statusOf, type Usage, usageOf } from './run.js';
import {
  type GenerationFinalized,
  type MessageSent,
  type Node,
  nodesOf,
  pathTo,
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
  const older = olderThan(state, before);
  const shown = newest(older, moment);
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
    path: pathTo(state, leafOf(state, branch)).map((node) => node.id),
    tree: shown.map((node) => nodeView({ open: state.open, tape: moment.tape, cursor }, node)),
    more: shown.length < older.length,
  };
}

function leafOf(state: Conversation, branch: string | undefined): string | null {
  if (branch === undefined) return state.leaf;
  const node = state.nodes.get(branch);
  if (!node) throw new Refusal('leaf_not_found');
  if (node.kind === 'note') throw new Refusal('leaf_is_note');
  return branch;
}

function olderThan(state: Conversation, before: string | undefined): readonly Node[] {
  const nodes = nodesOf(state);
  if (before === undefined) return nodes;
  const bound = state.nodes.get(before);
  if (!bound) throw new Refusal('node_not_found');
  return nodes.filter(({ seen }) => seen < bound.seen);
}

/** Fills a page: at least one node, and fewer than the limit if their texts are long. */
function newest(nodes: readonly Node[], moment: Moment): readonly Node[] {
  let characters = 0;
  let first = nodes.length;
  while (first > 0 && nodes.length - first < limits.viewNodesMax) {
    characters += textOf({ open: moment.state.open, tape: moment.tape }, nodes[first - 1] as Node).length;
    if (characters > limits.viewTextCharactersMax && first < nodes.length) break;
    first -= 1;
  }
  return nodes.slice(first);
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
