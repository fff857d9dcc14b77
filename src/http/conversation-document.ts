import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { RUN_STATUSES } from '../domain/conversation/run.js';
import { CostDocument } from './turn-documents.js';

export class FailureDocument {
  @ApiProperty({ example: 'provider_error' })
  kind!: string;

  @ApiProperty({ description: "The provider's own message, if it sent one." })
  message!: string;

  @ApiPropertyOptional({ example: 503 })
  providerStatus?: number;
}

const CURSOR = {
  example: '13:41',
  description: 'Opaque. A client takes it from an answer; only 0:0, the beginning, is fixed.',
};
const UNKNOWN = 'Null: unknown. Unknown is never 0.';

class NodeDocument {
  @ApiProperty({ description: 'For a reply, the id of its generation.' })
  id!: string;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The node that it follows; for a reply, the message that it answers.',
  })
  parent!: string | null;

  @ApiProperty({ enum: ['user', 'assistant', 'tool', 'system', 'developer'] })
  role!: string;

  @ApiProperty({ enum: ['message', 'note'], description: 'A note is in no prompt, and no node follows it.' })
  kind!: string;

  @ApiProperty({ enum: ['person', 'client', 'import', 'model'], description: 'Who wrote it.' })
  origin!: string;

  @ApiProperty({ description: 'For a reply, the text so far.' })
  text!: string;

  @ApiProperty({ enum: RUN_STATUSES })
  status!: string;

  @ApiPropertyOptional({ description: 'The message that this one revises.' })
  revises?: string;

  @ApiPropertyOptional({ description: 'The generation that this one regenerates.' })
  regenerates?: string;

  @ApiProperty({ format: 'date-time', description: 'When it was sent or requested.' })
  at!: string;

  @ApiPropertyOptional({
    description: 'The model that answered, as the provider named it; until then the requested one.',
  })
  model?: string;

  @ApiPropertyOptional({ type: Object, nullable: true, example: { promptTokens: 31 }, description: UNKNOWN })
  usage?: object | null;

  @ApiPropertyOptional({ type: CostDocument, nullable: true, description: UNKNOWN })
  cost?: CostDocument | null;

  @ApiPropertyOptional({ type: FailureDocument })
  error?: FailureDocument;

  @ApiProperty({ ...CURSOR, description: 'The cursor at which the node has this state.' })
  cursor!: string;
}

export class ConversationDocument {
  @ApiProperty()
  id!: string;

  @ApiProperty({ type: String, nullable: true })
  title!: string | null;

  @ApiProperty({ type: String, nullable: true })
  system!: string | null;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The choice of the conversation. Null: the default of the server.',
  })
  model!: string | null;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The choice of the conversation. Null: the default of the server.',
  })
  provider!: string | null;

  @ApiProperty({ type: Object, nullable: true, description: 'The choice of the conversation. Null: none.' })
  params!: object | null;

  @ApiProperty()
  archived!: boolean;

  @ApiProperty({ enum: ['generating', 'queued', 'idle'] })
  status!: string;

  @ApiProperty(CURSOR)
  cursor!: string;

  @ApiProperty({ type: [String], description: 'All ids from the root to the selected or requested leaf.' })
  path!: readonly string[];

  @ApiProperty({ type: [NodeDocument], description: 'The newest nodes, 500 at most, oldest first.' })
  tree!: readonly NodeDocument[];

  @ApiProperty({ description: 'There are older nodes: request them with `before` and the first of these ids.' })
  more!: boolean;
}
