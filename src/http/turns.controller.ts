import { applyDecorators, Body, Controller, HttpCode, HttpStatus, Param, Post, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import {
  ApiAcceptedResponse,
  ApiBearerAuth,
  ApiBody,
  ApiExtraModels,
  ApiOkResponse,
  ApiOperation,
  ApiResponse,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CancelGeneration } from '../commands/endings.js';
import type { Caller, WritingCaller } from '../commands/origin.js';
import { GenerateReply, PreviewPrompt, Regenerate, SendMessage } from '../commands/turns.js';
import { Shown } from '../projections/queries/shown.js';
import { cursorIn } from '../sse/cursor.js';
import { ApiIdempotencyKey, CurrentCaller, CurrentWriter } from './caller.js';
import { ApiProblems, OF_A_BODY, type ProblemCode } from './problems.js';
import { Shows } from './sight.js';
import {
  AnswerBody,
  ApiPreviewBody,
  askingOf,
  EditMessageBody,
  EffectDocument,
  EndedDocument,
  NoFields,
  PreviewBody,
  PreviewDocument,
  previewedIn,
  SendMessageBody,
  SentMessageDocument,
  TurnDocument,
} from './turn-documents.js';
import { TurnReplies, withoutMessage } from './turn-reply.js';

/** The problems because of which a model is not called. */
const OF_EVERY_TURN: readonly ProblemCode[] = [
  ...OF_A_BODY,
  'conversation_not_found',
  'conversation_full',
  'conversation_busy',
  'prompt_changed',
  'value_refused',
  'prompt_not_known_yet',
  'prompt_over_budget',
  'newer_content',
  'provider_not_configured',
  'parent_is_queued',
  'idempotency_key_reused',
  'queue_full',
  'log_unavailable',
];

const STREAM = `With \`Accept: text/event-stream\`: a stream of this turn. \`{"token":"..."}\` for each piece of the answer, \
at the end \`{"done":true,"full_response":"...","status":"..."}\` or \`{"error":"...","code":502}\`. A client that disconnects \
cancels nothing. The headers hold the new ids.`;

const NAME = { required: true, schema: { type: 'string' } } as const;

type AnswerDocument = typeof TurnDocument | typeof SentMessageDocument;

/** Documents a route that starts a turn. */
function ApiTurn(summary: string, answer: AnswerDocument, ...problems: ProblemCode[]): MethodDecorator {
  return applyDecorators(
    ApiOperation({ summary }),
    ApiIdempotencyKey(),
    ApiExtraModels(answer),
    ApiResponse({
      status: 202,
      description: 'The turn is committed. The feed of the conversation shows the answer.',
      content: { 'application/json': { schema: { $ref: getSchemaPath(answer) } } },
    }),
    ApiResponse({
      status: 200,
      description: STREAM,
      headers: { 'Verbatim-Message-Id': NAME, 'Verbatim-Generation-Id': NAME },
      content: { 'text/event-stream': { schema: { type: 'string' } } },
    }),
    ApiProblems(...OF_EVERY_TURN, ...problems),
  );
}

const OF_A_MESSAGE = ['message_not_found', 'content_empty', 'content_too_long', 'text_malformed'] as const;
const OF_ITS_PLACE = ['parent_not_found', 'parent_is_note', 'revision_mismatch'] as const;

@ApiTags('Turns')
@ApiBearerAuth()
@Shows('own')
@Controller('api/v1/conversations/:id')
export class TurnsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly replies: TurnReplies,
    private readonly shown: Shown,
  ) {}

  @Post('preview')
  @HttpCode(HttpStatus.OK)
  @ApiOperation({
    summary: 'Show the exact prompt that a message or a regeneration would send now. Nothing is recorded.',
  })
  @ApiPreviewBody()
  @ApiOkResponse({ type: PreviewDocument })
  @ApiProblems(
    ...OF_A_MESSAGE,
    ...OF_ITS_PLACE,
    ...OF_A_BODY,
    'conversation_not_found',
    'conversation_full',
    'generation_not_found',
    'value_refused',
    'message_is_note',
    'prompt_not_known_yet',
    'prompt_over_budget',
    'newer_content',
    'provider_not_configured',
    'log_unavailable',
  )
  async preview(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @Body() body: PreviewBody,
  ): Promise<PreviewDocument> {
    return this.queries.execute(new PreviewPrompt(caller, id, previewedIn(body), askingOf(body)));
  }

  @Post('messages')
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiTurn('Send a message and request an answer.', SentMessageDocument, ...OF_A_MESSAGE, ...OF_ITS_PLACE)
  async send(
    @CurrentWriter() caller: WritingCaller,
    @Param('id') id: string,
    @Body() body: SendMessageBody,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { content, parent, kind, revises, generate = true } = body;
    const message = { content, origin: 'person', parent, kind, revises } as const;
    const command = new SendMessage(caller, id, message, generate ? askingOf(body) : null);
    await this.replies.reply(reply, { caller, conversation: id }, () => this.commands.execute(command));
  }

  @Post('messages/:messageId/edit')
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiTurn('Send a revised version of a message. The first version stays.', SentMessageDocument, ...OF_A_MESSAGE)
  async edit(
    @CurrentWriter() caller: WritingCaller,
    @Param('id') id: string,
    @Param('messageId') messageId: string,
    @Body() body: EditMessageBody,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { content, generate = true } = body;
    const message = { content, origin: 'person', revises: messageId } as const;
    const command = new SendMessage(caller, id, message, generate ? askingOf(body) : null);
    await this.replies.reply(reply, { caller, conversation: id }, () => this.commands.execute(command));
  }

  @Post('messages/:messageId/generate')
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiTurn(
    'Request the first answer to a message.',
    TurnDocument,
    'message_not_found',
    'message_is_note',
    'already_replied',
  )
  @ApiBody({ type: AnswerBody, required: false })
  async generate(
    @CurrentWriter() caller: WritingCaller,
    @Param('id') id: string,
    @Param('messageId') messageId: string,
    @Body() body: AnswerBody,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const command = new GenerateReply(caller, id, messageId, askingOf(body));
    await this.replies.reply(reply, { caller, conversation: id }, () => this.commands.execute(command), withoutMessage);
  }

  @Post('generations/:generationId/regenerate')
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiTurn(
    'Request another answer to the same message, with the present settings. The first answer stays.',
    TurnDocument,
    'generation_not_found',
    'nothing_to_regenerate',
  )
  @ApiBody({ type: AnswerBody, required: false })
  async regenerate(
    @CurrentWriter() caller: WritingCaller,
    @Param('id') id: string,
    @Param('generationId') generationId: string,
    @Body() body: AnswerBody,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const command = new Regenerate(caller, id, generationId, askingOf(body));
    await this.replies.reply(reply, { caller, conversation: id }, () => this.commands.execute(command), withoutMessage);
  }

  @Post('generations/:generationId/cancel')
  @ApiOperation({ summary: 'Cancel a generation. It may end before the cancel takes effect.' })
  @ApiIdempotencyKey()
  @ApiAcceptedResponse({ type: EffectDocument })
  @ApiOkResponse({ type: EndedDocument, description: 'The generation had already ended.' })
  @ApiProblems(
    ...OF_A_BODY,
    'conversation_not_found',
    'generation_not_found',
    'idempotency_key_reused',
    'log_unavailable',
  )
  @ApiBody({ type: NoFields, required: false })
  async cancel(
    @CurrentWriter() caller: WritingCaller,
    @Param('id') id: string,
    @Param('generationId') generationId: string,
    @Body() _body: NoFields,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<EffectDocument | EndedDocument> {
    const { cursor, status } = await this.commands.execute(new CancelGeneration(caller, id, generationId));
    this.shown.note(caller, id, cursorIn('cursor', cursor));
    reply.status(status === undefined ? HttpStatus.ACCEPTED : HttpStatus.OK);
    return status === undefined ? { cursor } : { status };
  }
}
