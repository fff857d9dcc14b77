import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import type { Reader } from '../../domain/conversation/readers.js';
import { conversationStatus } from '../../domain/conversation/run.js';
import type { PageAsked } from '../../ports/read-models/questions.js';
import { isOpenClaimed } from '../coverage-columns.js';
import type { ListCoverage } from '../queries/list-coverage.js';
import { type Paged, type PageRequest, pageAsked, pageOf } from '../queries/pages.js';
import { conversations } from './projection.js';
import type { ConversationRow } from './rows.js';

export interface ListedConversation {
  readonly id: string;
  readonly title: string | null;
  readonly lastMessage: string | null;
  readonly updatedAt: string;
  readonly status: 'generating' | 'queued' | 'idle';
  readonly model: string | null;
  readonly messages: number;
}

interface ConversationFilters {
  readonly archived: boolean;
}

export type ConversationsAsked = PageAsked & ConversationFilters;

export interface ConversationQueries {
  list(asked: ConversationsAsked): Promise<readonly ConversationRow[]>;
}

export interface ConversationsPage extends Paged<ListedConversation> {
  /** The reader owns all of them. */
  readonly isOwn: boolean;
}

/** The conversations that a reader may see, the latest first. */
export class ListConversations extends Query<ConversationsPage> {
  constructor(
    readonly reader: Reader,
    readonly asked: PageRequest & ConversationFilters,
  ) {
    super();
  }
}

@QueryHandler(ListConversations)
export class ListConversationsHandler implements IQueryHandler<ListConversations> {
  constructor(
    private readonly views: ConversationQueries,
    private readonly coverage: Pick<ListCoverage, 'wait'>,
  ) {}

  async execute({ reader, asked }: ListConversations): Promise<ConversationsPage> {
    const { archived, limit, min } = asked;
    await this.coverage.wait(conversations, reader, min);
    const rows = await this.views.list({ ...pageAsked(reader, asked), archived });
    const isOwn = rows.slice(0, limit).every(({ owner }) => owner === reader.user);
    return { ...pageOf(rows, limit, ({ updatedAt, id }) => ({ at: updatedAt, id }), listed), isOwn };
  }
}

function listed(row: ConversationRow): ListedConversation {
  const { id, title, lastMessage, updatedAt, open, waiting, messages } = row;
  const status = conversationStatus({ open, queue: waiting }, isOpenClaimed(row));
  return { id, title, lastMessage, updatedAt, status, model: row.model ?? row.askedModel, messages };
}
