import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import type { Reader } from '../../domain/conversation/readers.js';
import { conversationStatus } from '../../domain/conversation/tree.js';
import type { ConversationRow } from '../../ports/read-models/rows.js';
import type { Views } from '../../ports/read-models/views.js';
import type { LeastShown, ListCoverage } from '../queries/list-coverage.js';
import { type Paged, pageEndIn, pageOf } from '../queries/pages.js';
import { scopeOf } from '../queries/scope.js';

export interface ListedConversation {
  readonly id: string;
  readonly title: string | null;
  readonly lastMessage: string | null;
  readonly updatedAt: string;
  readonly status: 'generating' | 'queued' | 'idle';
  readonly model: string | null;
  readonly messages: number;
}

export interface ConversationsAskedFor {
  readonly limit: number;
  readonly archived: boolean;
  readonly q?: string | undefined;
  readonly before?: string | undefined;
  readonly min?: LeastShown | undefined;
}

/** What a reader may see of conversations, the latest first. */
export class ListConversations extends Query<Paged<ListedConversation>> {
  constructor(
    readonly reader: Reader,
    readonly asked: ConversationsAskedFor,
  ) {
    super();
  }
}

@QueryHandler(ListConversations)
export class ListConversationsHandler implements IQueryHandler<ListConversations> {
  constructor(
    private readonly views: Pick<Views, 'conversations'>,
    private readonly coverage: Pick<ListCoverage, 'wait'>,
  ) {}

  async execute({ reader, asked }: ListConversations): Promise<Paged<ListedConversation>> {
    const { limit, archived, q, before, min } = asked;
    await this.coverage.wait('conversations', reader, min);
    const rows = await this.views.conversations({
      scope: scopeOf(reader),
      archived,
      words: q,
      before: before === undefined ? undefined : pageEndIn(before),
      rowsMax: limit + 1,
    });
    return pageOf(rows, limit, ({ updatedAt, id }) => ({ at: updatedAt, id }), listed);
  }
}

function listed(row: ConversationRow): ListedConversation {
  const { id, title, lastMessage, updatedAt, open, waiting, claimed, messages } = row;
  const isOpenClaimed = open !== null && open === claimed;
  const status = conversationStatus({ open, queue: waiting }, isOpenClaimed);
  return { id, title, lastMessage, updatedAt, status, model: row.model ?? row.askedModel, messages };
}
