import { answerText } from '../../domain/answer-text.js';
import type { TypedEvent } from '../../events/codec.js';
import type { RowKey } from '../../ports/read-models/read-models.js';
import { type HeadRow, nodeKey, type ReplyRow } from '../../ports/read-models/rows.js';
import { type EventsOf, isNext, type Projection, type ProjectionFilter, type Rows, unhandled } from '../projection.js';

const filter = { categories: ['conversation'] } as const satisfies ProjectionFilter;

type Followed = EventsOf<typeof filter>;

/** The tree of each conversation, node by node, and what the conversation is besides. */
export const messages: Projection = {
  name: 'messages',
  version: 2,
  tables: ['heads', 'nodes'],
  filter,
  onPoison: 'park',
  touched({ meta: { conversation }, data }) {
    if (conversation === undefined) return [];
    const head: RowKey = { table: 'heads', key: conversation };
    return 'generationId' in data ? [head, { table: 'nodes', key: nodeKey(conversation, data.generationId) }] : [head];
  },
  apply(rows, event: Followed) {
    const conversation = event.meta.conversation;
    if (conversation === undefined) return;
    const head = rows.get('heads', conversation) ?? started(event);
    if (!isNext(head.seen, event)) return;
    const seen = head.seen + 1;
    rows.put('heads', conversation, { ...head, seen, ...headWith(head, event) });
    const place = { conversation, seen, at: event.at };
    plant(rows, event, place);
  },
};

interface Place {
  readonly conversation: string;
  readonly seen: number;
  readonly at: string;
}

const started = ({ tenant, meta }: TypedEvent): HeadRow => ({
  tenant,
  owner: meta.owner ?? null,
  seen: 0,
  title: null,
  system: null,
  model: null,
  provider: null,
  params: null,
  archived: false,
  leaf: null,
  open: null,
  waiting: [],
});

function headWith(head: HeadRow, event: Followed): Partial<HeadRow> {
  switch (event.type) {
    case 'ConversationStarted':
      return { title: event.data.title, ...chosenIn(event) };
    case 'ConversationRenamed':
      return { title: event.data.title };
    case 'ConversationArchived':
      return { archived: true };
    case 'ConversationRestored':
      return { archived: false };
    case 'ConversationConfigured':
      return chosenIn(event);
    case 'MessageSent':
      return event.data.kind === 'message' ? { leaf: event.data.messageId } : {};
    case 'GenerationRequested': {
      const { generationId: id, turn } = event.data;
      return { leaf: id, waiting: waitingWith(head.waiting, { id, isNext: turn === 'next' }) };
    }
    case 'PromptAssembled':
      return { open: event.data.generationId, waiting: without(head.waiting, event.data.generationId) };
    case 'GenerationFinalized': {
      const { generationId } = event.data;
      return { open: head.open === generationId ? null : head.open, waiting: without(head.waiting, generationId) };
    }
    case 'BranchSelected':
      return { leaf: event.data.leaf };
    case 'GenerationCancelRequested':
      return {};
    default:
      return unhandled(event);
  }
}

type Configuring = Extract<Followed, { type: 'ConversationStarted' | 'ConversationConfigured' }>;

/** What an event does not name stays as it was. */
function chosenIn({ id, data: { provider, model, params, system } }: Configuring): Partial<HeadRow> {
  return {
    ...(provider !== undefined && { provider }),
    ...(model !== undefined && { model }),
    ...(params !== undefined && { params }),
    ...(system !== undefined && { system: system === null ? null : id }),
  };
}

type Waiting = HeadRow['waiting'];

/** Those that interrupt come first, in their own order. */
function waitingWith(waiting: Waiting, turn: Waiting[number]): Waiting {
  const firstToWait = turn.isNext ? waiting.findIndex(({ isNext: goesFirst }) => !goesFirst) : -1;
  return firstToWait < 0 ? [...waiting, turn] : waiting.toSpliced(firstToWait, 0, turn);
}

const without = (waiting: Waiting, id: string): Waiting => waiting.filter((turn) => turn.id !== id);

function plant(rows: Rows, event: Followed, place: Place): void {
  switch (event.type) {
    case 'ConversationStarted':
    case 'ConversationConfigured':
      if (event.data.system) {
        const row = { ...place, id: event.id, kind: 'system', parent: null, text: event.data.system } as const;
        rows.put('nodes', nodeKey(place.conversation, event.id), row);
      }
      return;
    case 'MessageSent': {
      const { messageId: id, parent, role, origin, kind, parts, revises = null } = event.data;
      const text = parts.map((part) => part.text).join('');
      rows.put('nodes', nodeKey(place.conversation, id), { ...place, id, kind, parent, role, origin, text, revises });
      return;
    }
    case 'GenerationRequested': {
      const { generationId: id, messageId: parent, regenerates = null } = event.data;
      const asked = { prompt: null, result: null, endSeen: null };
      rows.put('nodes', nodeKey(place.conversation, id), {
        ...place,
        id,
        kind: 'reply',
        parent,
        regenerates,
        ...asked,
      });
      return;
    }
    case 'PromptAssembled':
      changeReply(rows, place, event.data.generationId, { prompt: { model: event.data.model } });
      return;
    case 'GenerationFinalized': {
      const { generationId, status, blocks, modelServed, usage, cost, error } = event.data;
      const result = { status, text: answerText(blocks), modelServed, usage, cost, error: error ?? null };
      changeReply(rows, place, generationId, { result, endSeen: place.seen });
      return;
    }
    case 'ConversationRenamed':
    case 'ConversationArchived':
    case 'ConversationRestored':
    case 'GenerationCancelRequested':
    case 'BranchSelected':
      return;
    default:
      unhandled(event);
  }
}

function changeReply(rows: Rows, { conversation }: Place, id: string, change: Partial<ReplyRow>): void {
  const key = nodeKey(conversation, id);
  const reply = rows.get('nodes', key);
  if (reply?.kind === 'reply') rows.put('nodes', key, { ...reply, ...change });
}
