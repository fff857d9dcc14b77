import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { CostDocument } from './conversation-document.js';

const CURSOR = { example: '13:0', description: 'At which its effect can be seen.' };

/** What a route answers that changes something and makes nothing. */
export class EffectDocument {
  @ApiProperty(CURSOR)
  cursor!: string;
}

export class TurnDocument extends EffectDocument {
  @ApiProperty({ description: 'Also the id of the answer as a node.' })
  generationId!: string;

  @ApiProperty({ type: String, nullable: true, description: 'Null for a turn that waits: its prompt is not known.' })
  promptSha256!: string | null;

  @ApiProperty({ enum: ['queued'] })
  status!: string;
}

export class SentMessageDocument extends EffectDocument {
  @ApiProperty()
  messageId!: string;

  @ApiPropertyOptional({ description: 'Absent when no answer is asked for, and so with the next two.' })
  generationId?: string;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'Null for a turn that waits.' })
  promptSha256?: string | null;

  @ApiPropertyOptional({ enum: ['queued'] })
  status?: string;
}

export class EndedDocument {
  @ApiProperty({ enum: ['final', 'cancelled', 'error'], description: 'How it had ended.' })
  status!: string;
}

class SegmentDocument {
  @ApiProperty({ enum: ['system', 'user', 'assistant'] })
  role!: string;

  @ApiProperty()
  text!: string;

  @ApiProperty({ enum: ['system', 'history', 'you'] })
  from!: string;

  @ApiPropertyOptional({ description: 'The node; the system text has none.' })
  id?: string;

  @ApiProperty()
  tokens!: number;
}

class TokensDocument {
  @ApiProperty()
  prompt!: number;

  @ApiProperty({ description: 'What the prompt may take.' })
  budget!: number;

  @ApiProperty({ description: 'Kept free for the answer.' })
  reserved!: number;

  @ApiProperty({ description: 'Both together.' })
  limit!: number;

  @ApiProperty({ description: 'The model is not known: the counts and the limit are assumptions.' })
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

  @ApiProperty({ description: 'Exactly what the provider would get.' })
  body!: string;

  @ApiProperty({ type: Object, description: 'The same, parsed.' })
  request!: unknown;

  @ApiProperty({ type: [SegmentDocument], description: 'The same, message by message.' })
  segments!: readonly SegmentDocument[];

  @ApiProperty({ type: TokensDocument })
  tokens!: TokensDocument;

  @ApiProperty({ type: [TrimmedDocument] })
  trimmed!: readonly TrimmedDocument[];

  @ApiProperty({
    type: CostDocument,
    nullable: true,
    description:
      'With nothing of the prompt cached, and an answer that takes all of `reserved`: most turns cost less. Only ' +
      '`max_tokens` or `max_completion_tokens` keeps an answer from being longer. Null: the model has no known price.',
  })
  estimatedCost!: CostDocument | null;
}
