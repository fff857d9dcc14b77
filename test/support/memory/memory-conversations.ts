import type { ConversationQueries, ConversationsAsked } from '../../../src/projections/conversations/query.js';
import { type ConversationRow, conversationsTable } from '../../../src/projections/conversations/rows.js';
import type { MemoryReadModels } from './memory-read-models.js';
import { isWithin, newestFirst, saidWithin } from './memory-rows.js';

export class MemoryConversations implements ConversationQueries {
  constructor(private readonly models: MemoryReadModels) {}

  async list({ scope, archived, words, before, rowsMax }: ConversationsAsked): Promise<ConversationRow[]> {
    const said = words === undefined ? undefined : saidWithin(this.models, scope, words);
    const rows = [...this.models.rows('conversations', conversationsTable).values()].filter(
      (row) =>
        isWithin(scope, row.tenant, row.owner) &&
        row.archived === archived &&
        (!said || said.some(({ conversation }) => conversation === row.id)),
    );
    return newestFirst(rows, ({ updatedAt, id }) => ({ at: updatedAt, id }), before).slice(0, rowsMax);
  }
}
