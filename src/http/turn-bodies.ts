import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsString, Matches } from 'class-validator';
import type { Asking } from '../commands/turns.js';
import { limits } from '../limits.js';
import { type BusyChoice, IsServiceName, IsWhenBusy, MayBeAbsent, MayBeLeftOut, MayBeNull } from './fields.js';
import { IsParams, type Params, plainParams } from './params.js';
import { TEXT } from './schema-patterns.js';

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
