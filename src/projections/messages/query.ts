import { type Reader, requireReadable } from '../../domain/conversation/readers.js';
import { conversationStatus } from '../../domain/conversation/run.js';
import { type ConversationView, isClaimed, type Looking, nodeView } from '../../domain/conversation/view.js';
import type { Tape } from '../../domain/generation.js';
import { Refusal } from '../../domain/refusal.js';
import { type Codec, ifKnown } from '../../events/codec.js';
import { conversationStream, isConversationId } from '../../events/conversation-events.js';
import { limits } from '../../limits.js';
import type { Clock } from '../../ports/clock.js';
import type { EventLog } from '../../ports/event-log.js';
import type { Advances } from '../advances.js';
import { untilCovered } from '../queries/until-covered.js';
import { messages } from './projection.js';
import type { HeadRow, NodeRow } from './rows.js';

export interface TreeAsked {
  readonly conversation: string;
  /** Absent: the selected one. */
  readonly leaf?: string | undefined;
  /** Only nodes that came before this one. */
  readonly before?: string | undefined;
  readonly nodesMax: number;
  /** Of text, but never less than one node. */
  readonly charactersMax: number;
}

/** A conversation at one moment, all of it from the same one. */
export interface Tree {
  readonly head: HeadRow;
  readonly systemText: string | null;
  /** The kinds of the nodes that were asked for as a leaf and as a bound. Null: there is no such node. */
  readonly leaf: NodeRow['kind'] | null;
  readonly before: NodeRow['kind'] | null;
  /** Ids from the root to the leaf. */
  readonly path: readonly string[];
  /** The newest of the requested nodes, oldest first. */
  readonly nodes: readonly NodeRow[];
  readonly more: boolean;
}

export interface MessageQueries {
  /** The owner of a conversation, and how many events of it are in the rows. */
  head(conversation: string): Promise<HeadRow | undefined>;
  tree(asked: TreeAsked): Promise<Tree | undefined>;
}

export interface ConversationViewsParts {
  readonly views: MessageQueries;
  readonly log: Pick<EventLog, 'readStream'>;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly advances: Advances;
  /** How many events of the conversation are in the memory of this process. */
  readonly knownToHave: (conversation: string) => number;
  /** The same answer, folded from the log: as new as the log, but a long conversation is read as a whole. */
  readonly fold: (id: string, looking: Looking) => Promise<ConversationView>;
  /** The text of the open generation so far, and the number of its events. */
  readonly readTape: (generation: string) => Promise<{ readonly tape: Tape; readonly events: number }>;
}

export interface Looked extends Looking {
  /** How many events of the ledger the answer has to cover. */
  readonly min?: number | undefined;
  /** How many events of the ledger the reader has seen already. */
  readonly shown?: number;
}

/** Shows the present conversations from their read model, or from the log if the read model is late. */
export class ConversationViews {
  constructor(private readonly parts: ConversationViewsParts) {}

  /** Answers with the owner. Throws a refusal unless there is such a conversation and this reader may see it. */
  async requireReadable(id: string, reader: Reader): Promise<string | null> {
    const head = isConversationId(id) ? ((await this.parts.views.head(id)) ?? (await this.started(id))) : undefined;
    if (!head) throw new Refusal('conversation_not_found');
    requireReadable({ owner: { tenant: head.tenant, user: head.owner } }, reader);
    return head.owner;
  }

  /** For a conversation that the reader may see. */
  async view(id: string, { min, shown = 0, ...looking }: Looked = {}): Promise<ConversationView> {
    if (looking.branch !== undefined && !mayBeNode(looking.branch)) throw new Refusal('leaf_not_found');
    if (looking.before !== undefined && !mayBeNode(looking.before)) throw new Refusal('node_not_found');
    // Events that this process has appended or shown must be covered too.
    const wanted = Math.max(min ?? 1, shown, this.parts.knownToHave(id));
    const tree = await this.treeWith(wanted, id, looking);
    return tree && tree.head.seen >= wanted ? this.shown(id, tree, looking) : this.parts.fold(id, looking);
  }

  /** As it is when it covers so many events, or after a moment. */
  private async treeWith(seen: number, id: string, { branch, before }: Looking): Promise<Tree | undefined> {
    const { viewNodesMax: nodesMax, viewTextCharactersMax: charactersMax } = limits;
    const asked = { conversation: id, leaf: branch, before, nodesMax, charactersMax };
    const tree = await this.parts.views.tree(asked);
    if (tree && tree.head.seen >= seen) return tree;
    await this.untilSeen(seen, id);
    return this.parts.views.tree(asked);
  }

  private async untilSeen(seen: number, id: string): Promise<void> {
    const covers = async () => ((await this.parts.views.head(id))?.seen ?? 0) >= seen;
    await untilCovered(this.parts, messages.name, this.parts.clock.now() + limits.viewFoldAfterMs, covers);
  }

  /** One that was started a moment ago may not have come into the view. */
  private async started(id: string): Promise<Pick<HeadRow, 'tenant' | 'owner'> | undefined> {
    for await (const page of this.parts.log.readStream(conversationStream(id), { eventsMax: 1 })) {
      const [event] = (await this.parts.codec.decode(page)).map(ifKnown);
      if (event) return { tenant: event.tenant, owner: event.meta.owner ?? null };
    }
    return undefined;
  }

  private async shown(id: string, tree: Tree, looking: Looking): Promise<ConversationView> {
    requireNodes(tree, looking);
    const { head, systemText, path, nodes, more } = tree;
    const { title, model, provider, params, archived, open, seen } = head;
    const taped = open === null ? null : await this.parts.readTape(open);
    const now = { open, tape: taped?.tape ?? null, cursor: `${seen}:${taped?.events ?? 0}` };
    const queue = head.waiting.map((turn) => turn.id);
    return {
      ...{ id, title, system: systemText, model, provider, params, archived },
      status: conversationStatus({ open, queue }, isClaimed(now.tape)),
      cursor: now.cursor,
      path,
      tree: nodes.flatMap((node) => (node.kind === 'system' ? [] : [nodeView(now, node)])),
      more,
    };
  }
}

function requireNodes({ leaf, before }: Tree, asked: Looking): void {
  if (asked.branch !== undefined && !isNode(leaf)) throw new Refusal('leaf_not_found');
  if (leaf === 'note') throw new Refusal('leaf_is_note');
  if (asked.before !== undefined && !isNode(before)) throw new Refusal('node_not_found');
}

/** A database takes no NUL, and no node has an id with other characters or a longer one. */
const mayBeNode = (id: string): boolean => /^[\w-]{1,200}$/.test(id);

const isNode = (kind: NodeRow['kind'] | null): boolean => kind !== null && kind !== 'system';
