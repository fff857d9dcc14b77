import { Controller, Get, Headers, Query, Req, Res } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { ApiBearerAuth, ApiHeader, ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CurrentPrincipal, type Principal } from '../auth/principal.js';
import type { Look } from '../domain/access.js';
import type { ListedRun } from '../domain/conversation/run.js';
import { ListConversations } from '../projections/conversations/query.js';
import { ConversationViews } from '../projections/messages/query.js';
import { ListRuns } from '../projections/runs/query.js';
import { SumUsage } from '../projections/usage/query.js';
import { ConversationReader } from '../sse/conversation-reader.js';
import { type CursorOf, cursorOfConversationIn } from '../sse/cursor.js';
import { STREAM_HEADERS } from '../sse/event-stream.js';
import { instantIn } from './instants.js';
import { ConversationsDocument, RunsDocument, UsageDocument } from './list-documents.js';
import { ConversationsQuery, pageSize, RunFeedQuery, RunsQuery, UsageQuery } from './list-queries.js';
import { ApiProblems } from './problems.js';
import { TakesQuery } from './query.guard.js';
import { RunFeeds } from './run-feeds.js';
import { CurrentSight, Shows, type Sight } from './sight.js';

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
@Shows('others')
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
    @CurrentSight() sight: Sight,
    @Query() { limit, archived, q, before, min }: ConversationsQuery,
  ): Promise<ConversationsDocument> {
    const least = await this.least(principal, min);
    const asked = { limit: pageSize(limit), archived: archived === 'true', q, before, min: least };
    const { isOwn, ...page } = await this.queries.execute(new ListConversations(principal, asked));
    const owner = isOwnPage(q, isOwn) ? principal.user : undefined;
    const objects = [allOf('conversations', principal)] as const;
    await sight.of({ what: 'conversations', objects, owner, filters: { q, archived } });
    return page;
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
    @CurrentSight() sight: Sight,
    @Query() { limit, from, to, min, ...asked }: RunsQuery,
  ): Promise<RunsDocument> {
    const times = { from: from && instantIn(from), to: to && instantIn(to) };
    const least = await this.least(principal, min);
    const page = await this.queries.execute(
      new ListRuns(principal, { ...asked, ...times, limit: pageSize(limit), min: least }),
    );
    await sight.of(lookAtRuns(principal, { ...asked, from, to }, page.items));
    return page;
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
    @CurrentSight() sight: Sight,
    @Query() { after }: RunFeedQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const asked = this.feeds.placeIn('after', after);
    const place = this.feeds.placeIn('Last-Event-ID', lastEventId || undefined) ?? asked;
    if (request.method === 'HEAD') {
      await this.feeds.check({ principal, sight }, place);
      await reply.headers(STREAM_HEADERS).send();
    } else await this.feeds.serve(reply, { principal, sight }, place);
  }

  @Get('usage')
  @TakesQuery()
  @ApiOperation({ summary: 'Sum tokens and cost by day (UTC), user or model.' })
  @ApiOkResponse({ type: UsageDocument })
  @ApiProblems('invalid_request', 'view_unavailable')
  async usage(
    @CurrentPrincipal() principal: Principal,
    @CurrentSight() sight: Sight,
    @Query() { by = 'day', from, to }: UsageQuery,
  ): Promise<UsageDocument> {
    const items = await this.queries.execute(new SumUsage(principal, { by, from, to }));
    await sight.of({ what: 'usage', objects: [allOf('usage', principal)], filters: { by, from, to } });
    return { items };
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

const allOf = <const Kind>(kind: Kind, { tenant }: Principal) => ({ kind, id: tenant });

/** A search says of all texts of others that they lack the words, so its page is never the caller's own. */
const isOwnPage = (words: string | undefined, isOwn: boolean): boolean => words === undefined && isOwn;

/** The page, its size and `min` choose rows of what was asked for. So they are no filters. */
function lookAtRuns(
  principal: Principal,
  { before: _, conversation, ...filters }: Omit<RunsQuery, 'limit' | 'min'>,
  runs: readonly ListedRun[],
): Look {
  if (conversation !== undefined) {
    // A conversation has one owner. Without a run in it, the list names none.
    return { what: 'runs', objects: [{ kind: 'conversation', id: conversation }], owner: runs[0]?.user, filters };
  }
  const isOwn = isOwnPage(
    filters.q,
    runs.every(({ user }) => user === principal.user),
  );
  const owner = filters.user ?? (isOwn ? principal.user : undefined);
  return { what: 'runs', objects: [allOf('runs', principal)], owner, filters };
}
