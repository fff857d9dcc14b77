import { Controller, Get, Headers, Param, Query, Req, Res } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiProduces,
  ApiPropertyOptional,
  ApiTags,
} from '@nestjs/swagger';
import { IsOptional, IsString } from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CurrentPrincipal, type Principal } from '../auth/principal.js';
import { ConversationViews } from '../projections/messages/query.js';
import { Shown } from '../projections/queries/shown.js';
import { ConversationReader } from '../sse/conversation-reader.js';
import { cursorIn } from '../sse/cursor.js';
import { STREAM_HEADERS } from '../sse/event-stream.js';
import { ConversationDocument } from './conversation-document.js';
import { ConversationFeeds } from './conversation-feeds.js';
import { CURSOR } from './fields.js';
import { ApiProblems } from './problems.js';
import { TakesQuery } from './query.guard.js';
import { CurrentSight, Shows, type Sight } from './sight.js';

class ViewQuery {
  @IsOptional()
  @IsString()
  @ApiPropertyOptional({
    description: 'Shows the conversation as it was at this cursor.',
    pattern: CURSOR,
    example: '13:41',
  })
  at?: string;

  @IsOptional()
  @IsString()
  @ApiPropertyOptional({
    description: 'A cursor from a command. The answer is at least as new.',
    pattern: CURSOR,
    example: '12:0',
  })
  min?: string;

  @IsOptional()
  @IsString()
  @ApiPropertyOptional({ description: 'The leaf of `path` instead of the selected one.' })
  branch?: string;

  @IsOptional()
  @IsString()
  @ApiPropertyOptional({ description: 'A node. `tree` holds older nodes only.' })
  before?: string;
}

class FeedQuery {
  @IsOptional()
  @IsString()
  @ApiPropertyOptional({
    description: 'The cursor to continue from, for clients that cannot set Last-Event-ID.',
    pattern: CURSOR,
    example: '13:41',
  })
  after?: string;
}

const FEED = `Sends every event of the conversation once, after its commit. \`id\` is the cursor of the event, \`event\` its \
type, \`data\` one line of JSON. Without a cursor a \`snapshot\` comes first: the answer of GET.`;

@ApiTags('Conversations')
@ApiBearerAuth()
@Shows('others')
@Controller('api/v1/conversations')
export class ConversationReadsController {
  constructor(
    private readonly views: ConversationViews,
    private readonly reader: ConversationReader,
    private readonly feeds: ConversationFeeds,
    private readonly shown: Shown,
  ) {}

  @Get(':id')
  @TakesQuery()
  @ApiOperation({ summary: 'A conversation as it is now, or as it was at a cursor. No model is called.' })
  @ApiOkResponse({ type: ConversationDocument })
  @ApiProblems(
    'invalid_request',
    'cursor_invalid',
    'conversation_not_found',
    'cursor_beyond_end',
    'leaf_not_found',
    'leaf_is_note',
    'node_not_found',
    'log_unavailable',
    'view_unavailable',
  )
  async view(
    @CurrentPrincipal() principal: Principal,
    @CurrentSight() sight: Sight,
    @Param('id') id: string,
    @Query() { at, min, branch, before }: ViewQuery,
  ): Promise<ConversationDocument> {
    const moment = cursorIn('at', at);
    const least = cursorIn('min', min);
    const owner = await this.views.requireReadable(id, principal);
    const look = { what: 'conversation', objects: [{ kind: 'conversation', id }], owner } as const;
    if (moment) {
      // No read model has the past. It is folded from the log.
      const past = await this.reader.view(id, principal, { at: moment, min: least, branch, before });
      await sight.of(look);
      return past;
    }
    if (least) await this.reader.requireReached(id, least);
    const shown = this.shown.ledgerOf(principal, id);
    const view = await this.views.view(id, { min: least?.ledger, shown, branch, before });
    await sight.of(look);
    this.shown.note(principal, id, cursorIn('cursor', view.cursor));
    return view;
  }

  @Get(':id/events')
  @TakesQuery()
  @ApiOperation({ summary: 'The live feed of a conversation.', description: FEED })
  @ApiHeader({
    name: 'Last-Event-ID',
    required: false,
    description: 'The cursor to continue from: every later event follows.',
  })
  @ApiProduces('text/event-stream')
  @ApiOkResponse({ description: 'Server-sent events.', schema: { type: 'string' } })
  @ApiProblems(
    'invalid_request',
    'cursor_invalid',
    'conversation_not_found',
    'cursor_beyond_end',
    'rate_limited',
    'log_unavailable',
    'view_unavailable',
  )
  async events(
    @CurrentPrincipal() principal: Principal,
    @CurrentSight() sight: Sight,
    @Param('id') id: string,
    @Query() { after }: FeedQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const asked = cursorIn('after', after);
    // The header is newer: on a reconnect the browser repeats the first address. It sends no header for an empty id.
    const from = cursorIn('Last-Event-ID', lastEventId || undefined) ?? asked;
    if (request.method === 'HEAD') {
      await this.feeds.check({ principal, sight }, id, from);
      await reply.headers(STREAM_HEADERS).send();
    } else await this.feeds.serve(reply, { principal, sight }, id, from);
  }
}
