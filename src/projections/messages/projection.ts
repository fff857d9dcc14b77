import { answerText, messageText } from '../../domain/texts.js';
import type { TypedEvent } from '../../events/codec.js';
import type { RowKey } from '../../ports/read-models/read-models.js';
import { type EventsOf, isNext, type Projection, type ProjectionFilter, type Rows, unhandled } from '../projection.js';
import { type HeadRow, headsTable, type NodeRow, nodeKey, nodesTable, type ReplyRow } from './rows.js';

const filter = { categories: ['conversation'] } as const satisfies ProjectionFilter;

type Followed = EventsOf<typeof filter>;

/** The nodes of each conversation, and its other fields. */
export const messages: Projection = {
  name: 'messages',
  version: 2,
  tables: [headsTable, nodesTable],
  filter,
  onPoison: 'park',
  touched({ meta: { conversation }, data }) {
    if (conversation === undefined) return [];
    const head: RowKey = { table: headsTable, key: conversation };
    return 'generationId' in data
      ? [head, { table: nodesTable, key: nodeKey(conversation, data.generationId) }]
      : [head];
  },
  apply(rows, event: Followed) {
    const conversation = event.meta.conversation;
    if (conversation === undefined) return;
    const head = rows.get(headsTable, conversation) ?? started(event);
    if (!isNext(head.seen, event)) return;
    const seen = head.seen + 1;
    const change = headWith(rows, head, event, { conversation, seen, at: event.at });
    rows.put(headsTable, conversation, { ...head, seen, ...change });
  },
};

type EventPlace = Pick<NodeRow, 'conversation' | 'seen' | 'at'>;

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

/** Writes the nodes that an event changes, and returns what it changes in the head. */
function headWith(rows: Rows, head: HeadRow, event: Followed, place: EventPlace): Partial<HeadRow> {
  switch (event.type) {
    case 'ConversationStarted':
      return { title: event.data.title, ...configured(rows, event, place) };
    case 'ConversationRenamed':
      return { title: event.data.title };
    case 'ConversationArchived':
      return { archived: true };
    case 'ConversationRestored':
      return { archived: false };
    case 'ConversationConfigured':
      return configured(rows, event, place);
    case 'MessageSent': {
      const { messageId: id, parent, role, origin, kind, parts, revises = null } = event.data;
      const text = messageText(parts);
      plant(rows, { ...place, id, kind, parent, role, origin, text, revises });
      return kind === 'message' ? { leaf: id } : {};
    }
    case 'GenerationRequested': {
      const { generationId: id, messageId: parent, regenerates = null, turn } = event.data;
      plant(rows, { ...place, id, kind: 'reply', parent, regenerates, prompt: null, result: null, endSeen: null });
      return { leaf: id, waiting: waitingWith(head.waiting, { id, isNext: turn === 'next' }) };
    }
    case 'PromptAssembled': {
      const { generationId, model } = event.data;
      changeReply(rows, place, generationId, { prompt: { model } });
      return { open: generationId, waiting: without(head.waiting, generationId) };
    }
    case 'GenerationFinalized': {
      const { generationId, status, blocks, modelServed, usage, cost, error } = event.data;
      const result = { status, text: answerText(blocks), modelServed, usage, cost, error: error ?? null };
      changeReply(rows, place, generationId, { result, endSeen: place.seen });
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

/** A setting that the event does not name keeps its value. */
function configured(rows: Rows, { id, data }: Configuring, place: EventPlace): Partial<HeadRow> {
  const { provider, model, params, system } = data;
  if (system) plant(rows, { ...place, id, kind: 'system', parent: null, text: system });
  return {
    ...(provider !== undefined && { provider }),
    ...(model !== undefined && { model }),
    ...(params !== undefined && { params }),
    ...(system !== undefined && { system: system === null ? null : id }),
  };
}

type WaitingTurns = HeadRow['waiting'];

/** Interrupting turns come first, in their order. */
function waitingWith(waiting: WaitingTurns, turn: WaitingTurns[number]): WaitingTurns {
  const firstToWait = turn.isNext ? waiting.findIndex(({ isNext: goesFirst }) => !goesFirst) : -1;
  return firstToWait < 0 ? [...waiting, turn] : waiting.toSpliced(firstToWait, 0, turn);
}

const without = (waiting: WaitingTurns, id: string): WaitingTurns => waiting.filter((turn) => turn.id !== id);

const plant = (rows: Rows, node: NodeRow): void => rows.put(nodesTable, nodeKey(node.conversation, node.id), node);

function changeReply(rows: Rows, { conversation }: EventPlace, id: string, change: Partial<ReplyRow>): void {
  const key = nodeKey(conversation, id);
  const reply = rows.get(nodesTable, key);
  if (reply?.kind === 'reply') rows.put(nodesTable, key, { ...reply, ...change });
}
