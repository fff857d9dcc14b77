import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiExtraModels, ApiProperty, ApiPropertyOptional, getSchemaPath } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsString, Matches } from 'class-validator';
import type { Asking, PreviewSubject } from '../commands/turns.js';
import { limits } from '../limits.js';
import {
  type BusyChoice,
  IsParams,
  IsServiceName,
  IsWhenBusy,
  MayBeAbsent,
  MayBeLeftOut,
  MayBeNull,
  type Params,
  plainParams,
  TEXT,
} from './fields.js';
import { InvalidRequest } from './invalid-request.js';

const SHA256 = /^[0-9a-f]{64}$/;
const CONTENT = { minLength: 1, maxLength: limits.contentBytesMax, pattern: TEXT };
const KINDS = ['message', 'note'] as const;

/** The choices of one turn. An absent field has the value of the conversation. */
class TurnChoices {
  @MayBeLeftOut()
  @IsServiceName('The provider that answers.')
  provider?: string;

  @MayBeLeftOut()
  @IsServiceName('The model, by the name that its provider uses.')
  model?: string;

  @MayBeLeftOut()
  @IsParams()
  params?: Params;
}

class AskingBody extends TurnChoices {
  @MayBeLeftOut()
  @IsString()
  @Matches(SHA256, { message: 'must be 64 lower-case hexadecimal digits' })
  @ApiProperty({
    type: String,
    pattern: SHA256.source,
    description: 'The hash from a preview. The request is refused when the prompt has another hash.',
  })
  expectPrompt?: string;

  @MayBeLeftOut()
  @IsWhenBusy()
  whenBusy?: BusyChoice;
}

/** The body of a request to answer an existing message. */
@MayBeAbsent()
export class AnswerBody extends AskingBody {}

export class EditMessageBody extends AskingBody {
  @IsString()
  @ApiProperty({ ...CONTENT, description: 'Up to 256 KiB of UTF-8.' })
  content!: string;

  @MayBeLeftOut()
  @IsBoolean()
  @ApiProperty({ type: Boolean, default: true, description: 'Whether to request an answer.' })
  generate?: boolean;
}

export class SendMessageBody extends EditMessageBody {
  @MayBeNull()
  @IsString()
  @ApiProperty({
    type: String,
    description: 'The node that the message follows. null: none. Absent: the selected one.',
  })
  parent?: string | null;

  @MayBeLeftOut()
  @IsIn(KINDS)
  @ApiProperty({ enum: KINDS, description: 'A note gets no answer and is in no prompt.' })
  kind?: (typeof KINDS)[number];

  @MayBeLeftOut()
  @IsString()
  @ApiProperty({ type: String, description: 'The message that this one revises.' })
  revises?: string;
}

/** The message that would be sent, or `regenerate` alone. */
@MayBeAbsent()
export class PreviewBody extends TurnChoices {
  @MayBeLeftOut()
  @IsString()
  @ApiProperty({ type: String, ...CONTENT })
  content?: string;

  @MayBeNull()
  @IsString()
  @ApiProperty({ type: String, description: 'As in a message.' })
  parent?: string | null;

  @MayBeLeftOut()
  @IsString()
  @ApiProperty({ type: String, description: 'As in a message.' })
  revises?: string;

  @MayBeLeftOut()
  @IsString()
  @ApiProperty({ type: String, description: 'The generation to regenerate, instead of a message.' })
  regenerate?: string;
}

@MayBeAbsent()
export class NoFields {}

export function askingOf(body: AskingBody): Asking {
  const { provider, model, params, whenBusy, expectPrompt } = body;
  return { options: { provider, model, params: plainParams(params), whenBusy }, expectPrompt };
}

const MESSAGE_FIELDS = ['content', 'parent', 'revises'] as const;

/** `previewedIn` refuses a message beside `regenerate`; the document of the API says so too. */
export function ApiPreviewBody(): MethodDecorator {
  const withMessage = MESSAGE_FIELDS.map((name) => ({ required: ['regenerate', name] }));
  const schema = { allOf: [{ $ref: getSchemaPath(PreviewBody) }, { not: { anyOf: withMessage } }] };
  return applyDecorators(ApiExtraModels(PreviewBody), ApiBody({ schema }));
}

/** A message that is not sent yet, or another try. The fields of one exclude those of the other. */
export function previewedIn(body: PreviewBody): PreviewSubject {
  const { regenerate, content = '', parent, revises } = body;
  if (regenerate === undefined) return { message: { content, origin: 'person', parent, revises } };
  const besides = MESSAGE_FIELDS.filter((name) => body[name] !== undefined);
  const errors = besides.map((path) => ({ path, message: 'must be absent beside regenerate' }));
  if (errors.length > 0) throw new InvalidRequest(errors);
  return { regenerates: regenerate };
}

const CURSOR = { example: '13:0', description: 'The cursor at which the effect is visible.' };

/** The answer of a route that changes a conversation and creates nothing. */
export class EffectDocument {
  @ApiProperty(CURSOR)
  cursor!: string;
}

export class TurnDocument extends EffectDocument {
  @ApiProperty({ description: 'Also the id of the answer in the tree.' })
  generationId!: string;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Null for a turn that waits: its prompt is not known yet.',
  })
  promptSha256!: string | null;

  @ApiProperty({ enum: ['queued'] })
  status!: string;
}

export class SentMessageDocument extends EffectDocument {
  @ApiProperty()
  messageId!: string;

  @ApiPropertyOptional({ description: 'Absent, like promptSha256 and status, when no answer was requested.' })
  generationId?: string;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'Null for a turn that waits.' })
  promptSha256?: string | null;

  @ApiPropertyOptional({ enum: ['queued'] })
  status?: string;
}

export class EndedDocument {
  @ApiProperty({ enum: ['final', 'cancelled', 'error', 'blocked'], description: 'How the generation ended.' })
  status!: string;
}

class SegmentDocument {
  @ApiProperty({ enum: ['system', 'user', 'assistant'] })
  role!: string;

  @ApiProperty()
  text!: string;

  @ApiProperty({ enum: ['system', 'history', 'you'] })
  from!: string;

  @ApiPropertyOptional({ description: 'The node. Absent for the system text.' })
  id?: string;

  @ApiProperty()
  tokens!: number;
}

class TokensDocument {
  @ApiProperty()
  prompt!: number;

  @ApiProperty({ description: 'Tokens that the prompt may take.' })
  budget!: number;

  @ApiProperty({ description: 'Tokens reserved for the answer.' })
  reserved!: number;

  @ApiProperty({ description: 'Sum of budget and reserved.' })
  limit!: number;

  @ApiProperty({ description: 'True for an unknown model: the counts and the limit are estimates.' })
  estimated!: boolean;
}

class TrimmedDocument {
  @ApiProperty({ description: 'The node that was left out.' })
  id!: string;

  @ApiProperty({ enum: ['budget', 'error', 'empty'] })
  reason!: string;
}

export class CostDocument {
  @ApiProperty({ example: '0.0000316', description: 'A decimal number, as text.' })
  amount!: string;

  @ApiProperty({ example: 'USD' })
  currency!: string;
}

export class PreviewDocument {
  @ApiProperty({ description: 'SHA-256 of the UTF-8 bytes of `body`, as `expectPrompt` takes it.' })
  promptSha256!: string;

  @ApiProperty({ description: 'The exact request body for the provider.' })
  body!: string;

  @ApiProperty({ type: Object, description: 'The body as JSON.' })
  request!: unknown;

  @ApiProperty({ type: [SegmentDocument], description: 'The messages of the body.' })
  segments!: readonly SegmentDocument[];

  @ApiProperty({ type: TokensDocument })
  tokens!: TokensDocument;

  @ApiProperty({ type: [TrimmedDocument] })
  trimmed!: readonly TrimmedDocument[];

  @ApiProperty({
    type: CostDocument,
    nullable: true,
    description:
      'Cost without a cached prompt, and with an answer of `reserved` tokens: most turns cost less. Only `max_completion_tokens` ' +
      'or the older `max_tokens` limits the answer. Null: the model has no known price.',
  })
  estimatedCost!: CostDocument | null;
}
