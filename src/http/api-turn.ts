import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiOperation, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { ApiProblems, OF_A_BODY } from './api-problems.js';
import { ApiIdempotencyKey } from './idempotency.js';
import type { ProblemCode } from './problems.js';
import type { SentMessageDocument, TurnDocument } from './turn-documents.js';

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
export function ApiTurn(summary: string, answer: AnswerDocument, ...problems: ProblemCode[]): MethodDecorator {
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
