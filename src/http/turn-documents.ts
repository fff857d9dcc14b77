import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { CostDocument } from './conversation-document.js';

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
