import { flag, type Table, text, words } from '../../ports/read-models/table.js';
import { type ClaimCoverage, coverageColumns } from '../coverage-columns.js';

/** A conversation in a list. */
export interface ConversationRow extends ClaimCoverage {
  readonly id: string;
  readonly tenant: string;
  readonly owner: string | null;
  readonly title: string | null;
  readonly archived: boolean;
  /** The conversation's own choice. */
  readonly model: string | null;
  /** The model of its last prompt. */
  readonly askedModel: string | null;
  /** The beginning of the last message or answer. */
  readonly lastMessage: string | null;
  readonly messages: number;
  readonly updatedAt: string;
  readonly waiting: readonly string[];
}

/** A piece of a title, a message or an answer, to be found by its words. */
export interface SaidRow {
  readonly tenant: string;
  readonly owner: string | null;
  readonly conversation: string;
  /** Empty for a title. */
  readonly node: string;
  readonly words: string;
}

export const conversationsTable: Table<ConversationRow> = {
  name: 'conversations',
  columns: [
    text('tenant', (row) => row.tenant),
    text('owner', (row) => row.owner),
    flag('archived', (row) => row.archived),
    text('updated_at', (row) => row.updatedAt),
    ...coverageColumns,
  ],
  indexes: [
    ['tenant', 'archived', 'updated_at', 'key'],
    ['tenant', 'owner', 'archived', 'updated_at', 'key'],
  ],
};

export const saidTable: Table<SaidRow> = {
  name: 'said',
  columns: [
    text('tenant', (row) => row.tenant),
    text('owner', (row) => row.owner),
    text('conversation', (row) => row.conversation),
    text('node', (row) => row.node),
    words('terms', (row) => row.words),
  ],
  indexes: [['conversation'], ['node']],
  isOnlySearched: true,
};
