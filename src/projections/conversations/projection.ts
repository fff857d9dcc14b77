import { answerText, messageText } from '../../domain/texts.js';
import type { TypedEvent } from '../../events/codec.js';
import { generationOf } from '../../events/conversation-events.js';
import { limits } from '../../limits.js';
import type { CoveringList } from '../../ports/read-models/questions.js';
import { type EventsOf, isNext, type Projection, type ProjectionFilter, type Rows, unhandled } from '../projection.js';
import { type ConversationRow, conversationsTable, saidTable } from './rows.js';
import { piecesOf } from './words.js';

const filter = {
  categories: ['conversation', 'generation'],
  withoutTypes: ['DeltaReceived', 'AttemptEnded'],
} as const satisfies ProjectionFilter;

type Followed = EventsOf<typeof filter>;

/** Conversations as a list shows them, and the words by which a search finds them. */
export const conversations: Projection & CoveringList = {
  name: 'conversations',
  version: 3,
  tables: [conversationsTable, saidTable],
  coverage: conversationsTable,
  filter,
  onPoison: 'park',
  touched: ({ meta: { conversation } }) => (conversation ? [{ table: conversationsTable, key: conversation }] : []),
  apply(rows, event: Followed) {
    const id = event.meta.conversation;
    if (id === undefined) return;
    const row = rows.get(conversationsTable, id) ?? started(id, event);
    if (event.type === 'GenerationClaimed') {
      if (row.seen > 0) rows.put(conversationsTable, id, { ...row, claimed: generationOf(event) });
      return;
    }
    if (!isNext(row.seen, event)) return;
    const { title, said, ...change } = changedBy(row, event);
    rows.put(conversationsTable, id, {
      ...{ ...row, seen: row.seen + 1, updatedAt: event.at, ...change },
      ...(title !== undefined && { title }),
    });
    if (title !== undefined) indexTitle(rows, row, title);
    if (said) index(rows, row, said);
  },
};

const started = (id: string, { tenant, meta, at }: TypedEvent): ConversationRow => ({
  id,
  tenant,
  owner: meta.owner ?? null,
  seen: 0,
  title: null,
  archived: false,
  model: null,
  askedModel: null,
  lastMessage: null,
  messages: 0,
  updatedAt: at,
  open: null,
  waiting: [],
  claimed: null,
});

interface Said {
  readonly node: string;
  readonly text: string;
}

/** The changes of an event in the row of its conversation, and its searchable text. */
type Change = Partial<ConversationRow> & { readonly said?: Said };

function changedBy(row: ConversationRow, event: Exclude<Followed, { type: 'GenerationClaimed' }>): Change {
  switch (event.type) {
    case 'ConversationStarted':
      return { title: event.data.title, model: event.data.model ?? null };
    case 'ConversationRenamed':
      return { title: event.data.title };
    case 'ConversationArchived':
      return { archived: true };
    case 'ConversationRestored':
      return { archived: false };
    case 'ConversationConfigured':
      return event.data.model === undefined ? {} : { model: event.data.model };
    case 'MessageSent': {
      const said = { node: event.data.messageId, text: messageText(event.data.parts) };
      if (event.data.kind === 'note') return { said };
      return { messages: row.messages + 1, lastMessage: beginningOf(said.text), said };
    }
    case 'GenerationRequested':
      return { messages: row.messages + 1, waiting: [...row.waiting, event.data.generationId] };
    case 'PromptAssembled': {
      const { generationId, model } = event.data;
      return { open: generationId, askedModel: model, waiting: without(row.waiting, generationId) };
    }
    case 'GenerationFinalized': {
      const { generationId, blocks } = event.data;
      const text = answerText(blocks);
      return {
        open: row.open === generationId ? null : row.open,
        waiting: without(row.waiting, generationId),
        ...(text && { lastMessage: beginningOf(text) }),
        said: { node: generationId, text },
      };
    }
    case 'GenerationCancelRequested':
    case 'BranchSelected':
      return {};
    default:
      return unhandled(event);
  }
}

/** No id of a node. */
const TITLE = 'title';

function indexTitle(rows: Rows, { id, tenant, owner }: ConversationRow, title: string | null): void {
  const [words] = piecesOf(title ?? '');
  const key = `${id}/${TITLE}`;
  // A title is of no node, so no run is found by it.
  if (words === undefined) rows.remove(saidTable, key);
  else rows.put(saidTable, key, { tenant, owner, conversation: id, node: '', words });
}

function index(rows: Rows, { id, tenant, owner }: ConversationRow, { node, text }: Said): void {
  for (const [nth, words] of piecesOf(text).entries()) {
    rows.put(saidTable, `${id}/${node}/${nth}`, { tenant, owner, conversation: id, node, words });
  }
}

const beginningOf = (text: string): string => text.slice(0, limits.lastMessageCharactersMax);
const without = (ids: readonly string[], id: string): readonly string[] => ids.filter((other) => other !== id);
