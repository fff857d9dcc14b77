import type { TypedEvent } from '../events/codec.js';
import { limits } from '../limits.js';
import { type ConversationRow, nodeKey } from '../ports/read-models/rows.js';
import { isNext, type Projection, type Rows } from './projection.js';
import { piecesOf } from './words.js';

/** Conversations as a list shows them, and the words by which they are found. */
export const conversations: Projection = {
  name: 'conversations',
  version: 3,
  tables: ['conversations', 'said'],
  filter: { categories: ['conversation', 'generation'], withoutTypes: ['DeltaReceived', 'AttemptEnded'] },
  isByConversation: true,
  onPoison: 'park',
  touched: ({ meta: { conversation } }) => (conversation ? [{ table: 'conversations', key: conversation }] : []),
  apply(rows, event) {
    const id = event.meta.conversation;
    if (id === undefined) return;
    const row = rows.get('conversations', id) ?? started(id, event);
    if (event.type === 'GenerationClaimed') {
      if (row.seen > 0) rows.put('conversations', id, { ...row, claimed: generationOf(event) });
      return;
    }
    if (!isNext(row.seen, event)) return;
    rows.put('conversations', id, { ...row, seen: row.seen + 1, updatedAt: event.at, ...changedBy(row, event) });
    say(rows, row, event);
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

function changedBy(row: ConversationRow, event: TypedEvent): Partial<ConversationRow> {
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
    case 'MessageSent':
      return event.data.kind === 'note'
        ? {}
        : { messages: row.messages + 1, lastMessage: beginningOf(textOf(event.data)) };
    case 'GenerationRequested':
      return { messages: row.messages + 1, waiting: [...row.waiting, event.data.generationId] };
    case 'PromptAssembled': {
      const { generationId, model } = event.data;
      return { open: generationId, askedModel: model, waiting: without(row.waiting, generationId) };
    }
    case 'GenerationFinalized': {
      const { generationId, text } = event.data;
      return {
        open: row.open === generationId ? null : row.open,
        waiting: without(row.waiting, generationId),
        ...(text && { lastMessage: beginningOf(text) }),
      };
    }
    default:
      return {};
  }
}

/** No id of a node. */
const TITLE = 'title';

function say(rows: Rows, { id, tenant, owner }: ConversationRow, event: TypedEvent): void {
  if (event.type === 'ConversationStarted' || event.type === 'ConversationRenamed') {
    const [words] = piecesOf(event.data.title ?? '');
    const key = nodeKey(id, TITLE);
    // A title is of no node, so no run is found by it.
    if (words === undefined) rows.remove('said', key);
    else rows.put('said', key, { tenant, owner, conversation: id, node: '', words });
    return;
  }
  const said = saidIn(event);
  if (!said) return;
  for (const [nth, words] of piecesOf(said.text).entries()) {
    rows.put('said', `${nodeKey(id, said.node)}/${nth}`, { tenant, owner, conversation: id, node: said.node, words });
  }
}

function saidIn(event: TypedEvent): { node: string; text: string } | undefined {
  if (event.type === 'MessageSent') return { node: event.data.messageId, text: textOf(event.data) };
  if (event.type === 'GenerationFinalized') return { node: event.data.generationId, text: event.data.text };
  return undefined;
}

const textOf = ({ parts }: { readonly parts: readonly { readonly text: string }[] }): string =>
  parts.map(({ text }) => text).join('');
const beginningOf = (text: string): string => text.slice(0, limits.lastMessageCharactersMax);
const without = (ids: readonly string[], id: string): readonly string[] => ids.filter((other) => other !== id);
const generationOf = ({ stream }: TypedEvent): string => stream.slice('generation-'.length);
