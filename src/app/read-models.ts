import type { Type } from '@nestjs/common';
import type { ViewReader } from '../adapters/postgres/views/view-reader.js';
import type { CoverageQueries } from '../ports/read-models/questions.js';
import { PostgresAccess } from '../projections/access/postgres.js';
import type { AccessQueries } from '../projections/access/query.js';
import { PostgresConversations } from '../projections/conversations/postgres.js';
import { type ConversationQueries, ListConversationsHandler } from '../projections/conversations/query.js';
import { PostgresMessages } from '../projections/messages/postgres.js';
import type { MessageQueries } from '../projections/messages/query.js';
import type { ListCoverage } from '../projections/queries/list-coverage.js';
import { PostgresRuns } from '../projections/runs/postgres.js';
import { ListRunsHandler, type RunQueries } from '../projections/runs/query.js';
import { PostgresUsage } from '../projections/usage/postgres.js';
import { SumUsageHandler, type UsageQueries } from '../projections/usage/query.js';

/** The queries of each read model. */
export interface Views extends CoverageQueries {
  readonly access: AccessQueries;
  readonly conversations: ConversationQueries;
  readonly messages: MessageQueries;
  readonly runs: RunQueries;
  readonly usage: UsageQueries;
}

export const postgresViews = (reader: ViewReader): Views => ({
  access: new PostgresAccess(reader),
  conversations: new PostgresConversations(reader),
  messages: new PostgresMessages(reader),
  runs: new PostgresRuns(reader),
  usage: new PostgresUsage(reader),
  covered: (list, conversations) => reader.covered(list, conversations),
});

type MakeHandler = (views: Views, coverage: ListCoverage) => object;

/** The handlers of the lists, and how each is made. A conversation is read in parts, by `ConversationViews`. */
export const listHandlers: readonly (readonly [Type, MakeHandler])[] = [
  [ListConversationsHandler, ({ conversations }, coverage) => new ListConversationsHandler(conversations, coverage)],
  [ListRunsHandler, ({ runs }, coverage) => new ListRunsHandler(runs, coverage)],
  [SumUsageHandler, ({ usage }, coverage) => new SumUsageHandler(usage, coverage)],
];
