import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { CostDocument, FailureDocument } from './conversation-document.js';

const nullableText = { type: String, nullable: true } as const;
const nullableNumber = { type: Number, nullable: true } as const;

class RunEventDocument {
  @ApiProperty({ example: '13:41', description: 'At which it can be seen.' })
  cursor!: string;

  @ApiProperty({ example: 'GenerationClaimed', description: 'As it stands in the log.' })
  type!: string;

  @ApiProperty({ format: 'date-time' })
  at!: string;
}

export class RunDocument {
  @ApiProperty()
  id!: string;

  @ApiProperty()
  conversation!: string;

  @ApiProperty({ description: 'The message that it answers.' })
  message!: string;

  @ApiProperty({ ...nullableText, description: 'Whose conversation it is.' })
  user!: string | null;

  @ApiProperty(nullableText)
  provider!: string | null;

  @ApiProperty({ ...nullableText, description: 'The one that was asked.' })
  model!: string | null;

  @ApiProperty({ ...nullableText, description: 'The one that answered, as the provider named it.' })
  modelServed!: string | null;

  @ApiProperty({ ...nullableText, description: 'By which the provider knows the answer of the latest attempt.' })
  responseId!: string | null;

  @ApiProperty({ ...nullableText, description: 'By which the provider knows the request of the latest attempt.' })
  requestId!: string | null;

  @ApiProperty({ type: Object, nullable: true })
  params!: object | null;

  @ApiProperty({ ...nullableText, description: 'Of the exact bytes of the request. Null: no prompt was assembled.' })
  promptSha256!: string | null;

  @ApiProperty({ type: Object, nullable: true, description: 'What the prompt was counted as, and its budget.' })
  tokens!: object | null;

  @ApiProperty({ type: Object, nullable: true, example: { promptTokens: 31 }, description: 'As the provider says.' })
  usage!: object | null;

  @ApiProperty({ type: CostDocument, nullable: true })
  cost!: CostDocument | null;

  @ApiProperty({
    ...nullableNumber,
    description: 'From the claim of the attempt that counts to its first text, in whichever channel.',
  })
  ttftMs!: number | null;

  @ApiProperty({
    ...nullableNumber,
    description: 'From the request to the end as it was recorded: time in the queue and repeated attempts included.',
  })
  durationMs!: number | null;

  @ApiProperty({ enum: ['final', 'queued', 'streaming', 'cancelled', 'error'] })
  status!: string;

  @ApiProperty(nullableText)
  finishReason!: string | null;

  @ApiProperty({
    ...nullableNumber,
    description: 'The one that counts, or the latest so far. Null: no model was called.',
  })
  attempt!: number | null;

  @ApiProperty({ ...nullableText, description: 'The generation of which this is another try.' })
  regenerates!: string | null;

  @ApiProperty({ type: [String], description: 'From the first answer to this one.' })
  lineage!: readonly string[];

  @ApiProperty({ type: FailureDocument, nullable: true })
  error!: FailureDocument | null;

  @ApiProperty({ type: [RunEventDocument] })
  events!: readonly RunEventDocument[];
}

class ToolStartDocument {
  @ApiPropertyOptional()
  id?: string;

  @ApiPropertyOptional()
  name?: string;

  @ApiPropertyOptional()
  type?: string;
}

class DeltaDocument {
  @ApiProperty()
  seq!: number;

  @ApiProperty({ format: 'date-time' })
  at!: string;

  @ApiProperty()
  text!: string;

  @ApiProperty({
    enum: ['content', 'reasoning', 'tool', 'refusal', 'other'],
    description: 'The answer is its content. `other` is JSON, line by line, of fields that nothing here reads.',
  })
  channel!: string;

  @ApiProperty({ description: 'Pieces with the same number are one block of the answer.' })
  block!: number;

  @ApiPropertyOptional({ type: ToolStartDocument, description: 'With the first piece of a tool call.' })
  tool?: ToolStartDocument;

  @ApiProperty({ description: 'After the claim of its attempt.' })
  offsetMs!: number;
}

export class DeltasDocument {
  @ApiProperty({ type: [DeltaDocument] })
  items!: readonly DeltaDocument[];
}
