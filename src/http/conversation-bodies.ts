import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsString } from 'class-validator';
import { limits } from '../limits.js';
import { MayBeAbsent } from './absent-body.js';
import { IsServiceName, IsTitle, IsTokenBudget, IsWhenBusy, MayBeLeftOut, MayBeNull, type WhenBusy } from './fields.js';
import { IsParams, type Params, plainParams } from './params.js';
import { TEXT } from './schema-patterns.js';

/** What a conversation chooses. Null is no choice: the installation decides, or nothing is said. */
class ConversationSettings {
  @MayBeNull()
  @IsTitle('For people.')
  title?: string | null;

  @MayBeNull()
  @IsString()
  @ApiProperty({
    type: String,
    maxLength: limits.contentBytesMax,
    pattern: TEXT,
    description: 'Stands at the beginning of every prompt.',
  })
  system?: string | null;

  @MayBeNull()
  @IsServiceName('Who is asked.')
  provider?: string | null;

  @MayBeNull()
  @IsServiceName('By the name that its provider has for it.')
  model?: string | null;

  @MayBeNull()
  @IsParams()
  params?: Params | null;

  @MayBeNull()
  @IsTokenBudget()
  tokenBudget?: number | null;

  @MayBeNull()
  @IsWhenBusy()
  whenBusy?: WhenBusy | null;
}

@MayBeAbsent()
export class StartConversationBody extends ConversationSettings {}

/** What is left out stays as it is, and null takes a choice back. */
export class ChangeConversationBody extends ConversationSettings {
  @MayBeLeftOut()
  @IsBoolean()
  @ApiProperty({ type: Boolean, description: 'Lists leave archived conversations out. They can be used as before.' })
  archived?: boolean;
}

export class SelectBranchBody {
  @IsString()
  @ApiProperty({ description: 'Any node but a note.' })
  leaf!: string;
}

export const withPlainParams = <Body extends ConversationSettings>(body: Body) => ({
  ...body,
  params: plainParams(body.params),
});
