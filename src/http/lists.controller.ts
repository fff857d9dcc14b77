import { Controller, Get, Headers, Query, Req, Res } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { ApiBearerAuth, ApiHeader, ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CurrentPrincipal, type Principal } from '../auth/principal.js';
import { limits } from '../limits.js';
import { ListConversations } from '../projections/conversations/query.js';
import { ConversationViews } from '../projections/messages/query.js';
import { ListRuns } from '../projections/runs/query.js';
import { SumUsage } from '../projections/usage/query.js';
import { ConversationReader } from '../sse/conversation-reader.js';
import { type CursorOf, cursorOfConversationIn } from '../sse/cursor.js';
import { STREAM_HEADERS } from '../sse/event-stream.js';
import { instantIn } from './instants.js';
import { ConversationsDocument, RunsDocument, UsageDocument } from './list-documents.js';
import { ConversationsQuery, RunFeedQuery, RunsQuery, UsageQuery } from './list-queries.js';
import { ApiProblems } from './problems.js';
import { TakesQuery } from './query.guard.js';
import { RunFeeds } from './run-feeds.js';

const OF_MIN = [
  'cursor_invalid',
  'conversation_not_found',
  'cursor_beyond_end',
  'log_unavailable',
  'view_behind',
] as const;

/** Lists and searches over many conversations. */
@ApiTags('Lists')
@ApiBearerAuth()
@Controller('api/v1')
export class ListsController {
  constructor(
    private readonly queries: QueryBus,
    private readonly feeds: RunFeeds,
    private readonly views: ConversationViews,
    private readonly reader: ConversationReader,
  ) {}

  @Get('conversations')
  @TakesQuery()
  @ApiOperation({
    summary: 'List conversations, newest first. `q` searches titles, messages and answers.',
  })
  @ApiOkResponse({ type: ConversationsDocument })
  @ApiProblems(
    'invalid_request',
    'value_refused',
    'page_token_invalid',
    'search_unbounded',
    'unavailable',
    ...OF_MIN,
    'view_unavailable',
  )
  async conversations(
    @CurrentPrincipal() principal: Principal,
    @Query() { limit, archived, q, before, min }: ConversationsQuery,
  ): Promise<ConversationsDocument> {
    const least = await this.least(principal, min);
    const asked = { limit: pageSize(limit), archived: archived === 'true', q, before, min: least };
    return this.queries.execute(new ListConversations(principal, asked));
  }

  @Get('runs')
  @TakesQuery()
  @ApiOperation({ summary: 'List prompt runs, newest first.' })
  @ApiOkResponse({ type: RunsDocument })
  @ApiProblems(
    'invalid_request',
    'value_refused',
    'page_token_invalid',
    'search_unbounded',
    'unavailable',
    ...OF_MIN,
    'view_unavailable',
  )
  async runs(
    @CurrentPrincipal() principal: Principal,
    @Query() { limit, from, to, min, ...asked }: RunsQuery,
  ): Promise<RunsDocument> {
    const times = { from: from && instantIn(from), to: to && instantIn(to) };
    const least = await this.least(principal, min);
    return this.queries.execute(new ListRuns(principal, { ...asked, ...times, limit: pageSize(limit), min: least }));
  }

  @Get('runs/events')
  @TakesQuery()
  @ApiOperation({
    summary: 'The live feed of runs.',
    description: 'Sends `run-started` and `run-ended`, each with an opaque id. A client continues from the last id.',
  })
  @ApiHeader({
    name: 'Last-Event-ID',
    required: false,
    description: 'The id to continue from: every later start and end follows.',
  })
  @ApiProduces('text/event-stream')
  @ApiOkResponse({ description: 'Server-sent events.', schema: { type: 'string' } })
  @ApiProblems('invalid_request', 'cursor_invalid', 'cursor_beyond_end', 'rate_limited', 'log_unavailable')
  async events(
    @CurrentPrincipal() principal: Principal,
    @Query() { after }: RunFeedQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const asked = this.feeds.placeIn('after', after);
    const place = this.feeds.placeIn('Last-Event-ID', lastEventId || undefined) ?? asked;
    if (request.method === 'HEAD') {
      await this.feeds.check(principal, place);
      await reply.headers(STREAM_HEADERS).send();
    } else await this.feeds.serve(reply, principal, place);
  }

  @Get('usage')
  @TakesQuery()
  @ApiOperation({ summary: 'Sum tokens and cost by day (UTC), user or model.' })
  @ApiOkResponse({ type: UsageDocument })
  @ApiProblems('invalid_request', 'view_unavailable')
  async usage(
    @CurrentPrincipal() principal: Principal,
    @Query() { by = 'day', from, to }: UsageQuery,
  ): Promise<UsageDocument> {
    return { items: await this.queries.execute(new SumUsage(principal, { by, from, to })) };
  }

  /** Refuses a cursor that the conversation has not reached. */
  private async least(principal: Principal, min: string | undefined): Promise<CursorOf | undefined> {
    const least = cursorOfConversationIn('min', min);
    if (!least) return undefined;
    await this.views.requireReadable(least.conversation, principal);
    await this.reader.requireReached(least.conversation, least.place);
    return least;
  }
}

const pageSize = (limit: string | undefined): number => (limit === undefined ? limits.pageItemsUsual : Number(limit));
