import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { type DeltaView, type ListedRun, RUN_STATUSES, type Run, type RunEvent } from '../domain/conversation/run.js';
import { FailureDocument } from './conversation-document.js';
import { CostDocument } from './turn-documents.js';

const nullableText = { type: String, nullable: true } as const;
const nullableNumber = { type: Number, nullable: true } as const;

class RunEventDocument implements RunEvent {
  @ApiProperty({ example: '13:41', description: 'The cursor at which the event is visible.' })
  cursor!: string;

  @ApiProperty({ example: 'GenerationClaimed', description: 'The type of the event in the log.' })
  type!: string;

  @ApiProperty({ format: 'date-time' })
  at!: string;
}

/** The fields of a run that the ledger records. */
export class RunSummaryDocument implements Omit<ListedRun, 'requestedAt'> {
  @ApiProperty()
  id!: string;

  @ApiProperty()
  conversation!: string;

  @ApiProperty({ description: 'The message that the run answers.' })
  message!: string;

  @ApiProperty({ ...nullableText, description: 'The owner of the conversation.' })
  user!: string | null;

  @ApiProperty(nullableText)
  provider!: string | null;

  @ApiProperty({ ...nullableText, description: 'The requested model.' })
  model!: string | null;

  @ApiProperty({ ...nullableText, description: 'The model that answered, as the provider named it.' })
  modelServed!: string | null;

  @ApiProperty({ type: Object, nullable: true })
  params!: Run['params'];

  @ApiProperty({
    ...nullableText,
    description: 'SHA-256 of the exact bytes of the request. Null: no prompt was assembled.',
  })
  promptSha256!: string | null;

  @ApiProperty({ type: Object, nullable: true, description: 'Token count and budget of the prompt.' })
  tokens!: Run['tokens'];

  @ApiProperty({
    type: Object,
    nullable: true,
    example: { promptTokens: 31, completionTokens: 12, totalTokens: 43 },
    description: 'Tokens, as far as the provider reported them. A number that it did not report is absent.',
  })
  usage!: Run['usage'];

  @ApiProperty({ type: CostDocument, nullable: true })
  cost!: CostDocument | null;

  @ApiProperty({
    ...nullableNumber,
    description: 'Time from the claim of the attempt that counts to its first text, in any channel.',
  })
  ttftMs!: number | null;

  @ApiProperty({
    ...nullableNumber,
    description: 'Time from the request to the recorded end, including the queue and retries.',
  })
  durationMs!: number | null;

  @ApiProperty({ enum: RUN_STATUSES })
  status!: Run['status'];

  @ApiProperty(nullableText)
  finishReason!: string | null;

  @ApiProperty({
    ...nullableNumber,
    description: 'The attempt that counts, or the latest so far. Null: no model was called.',
  })
  attempt!: number | null;

  @ApiProperty({ ...nullableText, description: 'The generation that this one regenerates.' })
  regenerates!: string | null;

  @ApiProperty({ type: [String], description: 'Generations from the first answer to this one.' })
  lineage!: readonly string[];

  @ApiProperty({ type: FailureDocument, nullable: true })
  error!: FailureDocument | null;
}

export class RunDocument extends RunSummaryDocument implements Run {
  @ApiProperty({ ...nullableText, description: 'Id of the latest response, from the provider.' })
  responseId!: string | null;

  @ApiProperty({ ...nullableText, description: 'Id of the latest request, from the provider.' })
  requestId!: string | null;

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

class DeltaDocument implements DeltaView {
  @ApiProperty()
  seq!: number;

  @ApiProperty({ format: 'date-time' })
  at!: string;

  @ApiProperty()
  text!: string;

  @ApiProperty({
    enum: ['content', 'reasoning', 'tool', 'refusal', 'other', 'withheld'],
    description:
      'The answer is the content. `other` holds unknown fields, as lines of JSON. Of `withheld` the text is empty here.',
  })
  channel!: DeltaView['channel'];

  @ApiProperty({ description: 'Pieces with the same number are one block of the answer.' })
  block!: number;

  @ApiPropertyOptional({ type: ToolStartDocument, description: 'Present on the first piece of a tool call.' })
  tool?: ToolStartDocument;

  @ApiProperty({ description: 'Time since the claim of the attempt.' })
  offsetMs!: number;
}

export class DeltasDocument {
  @ApiProperty({ type: [DeltaDocument] })
  items!: readonly DeltaDocument[];
}
