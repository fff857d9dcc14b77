import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsString } from 'class-validator';
import { limits } from '../limits.js';
import {
  type BusyChoice,
  IsParams,
  IsServiceName,
  IsTitle,
  IsTokenBudget,
  IsWhenBusy,
  MayBeAbsent,
  MayBeLeftOut,
  MayBeNull,
  type Params,
  plainParams,
  TEXT,
} from './fields.js';

/** The choices of a conversation. Null is no choice: the default of the installation applies, if it has one. */
class ConversationSettings {
  @MayBeNull()
  @IsTitle('Display name.')
  title?: string | null;

  @MayBeNull()
  @IsString()
  @ApiProperty({
    type: String,
    maxLength: limits.contentBytesMax,
    pattern: TEXT,
    description: 'System text: the beginning of every prompt.',
  })
  system?: string | null;

  @MayBeNull()
  @IsServiceName('The provider that answers.')
  provider?: string | null;

  @MayBeNull()
  @IsServiceName('The model, by the name that its provider uses.')
  model?: string | null;

  @MayBeNull()
  @IsParams()
  params?: Params | null;

  @MayBeNull()
  @IsTokenBudget()
  tokenBudget?: number | null;

  @MayBeNull()
  @IsWhenBusy()
  whenBusy?: BusyChoice | null;
}

@MayBeAbsent()
export class StartConversationBody extends ConversationSettings {}

/** An absent field keeps its value; null removes the choice. */
export class ChangeConversationBody extends ConversationSettings {
  @MayBeLeftOut()
  @IsBoolean()
  @ApiProperty({ type: Boolean, description: 'Lists omit archived conversations. They still accept messages.' })
  archived?: boolean;
}

export class SelectBranchBody {
  @IsString()
  @ApiProperty({ description: 'Any node except a note.' })
  leaf!: string;
}

export const withPlainParams = <Body extends ConversationSettings>(body: Body) => ({
  ...body,
  params: plainParams(body.params),
});
