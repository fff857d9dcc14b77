import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

export class CostDocument {
  @ApiProperty({ example: '0.0000316', description: 'A decimal number, as text.' })
  amount!: string;

  @ApiProperty({ example: 'USD' })
  currency!: string;
}

export class FailureDocument {
  @ApiProperty({ example: 'provider_error' })
  kind!: string;

  @ApiProperty({ description: "In the provider's own words where it had any." })
  message!: string;

  @ApiPropertyOptional({ example: 503 })
  providerStatus?: number;
}

const NODE_STATUSES = ['final', 'queued', 'streaming', 'cancelled', 'error'] as const;
const CURSOR = { example: '13:41', description: 'Opaque: only 0:0 may be made up.' };
const UNKNOWN = 'Null: not known. It is never zero for that.';

class NodeDocument {
  @ApiProperty({ description: 'Of a reply: the id of its generation.' })
  id!: string;

  @ApiProperty({ type: String, nullable: true, description: 'The node that it follows; of a reply, what it answers.' })
  parent!: string | null;

  @ApiProperty({ enum: ['user', 'assistant'] })
  role!: string;

  @ApiProperty({ enum: ['message', 'note'], description: 'A note enters no prompt, and nothing follows it.' })
  kind!: string;

  @ApiProperty({ enum: ['person', 'client', 'model'], description: 'Who wrote it.' })
  origin!: string;

  @ApiProperty({ description: 'Of a reply: what has come of it.' })
  text!: string;

  @ApiProperty({ enum: NODE_STATUSES })
  status!: string;

  @ApiPropertyOptional({ description: 'The message of which this is another version.' })
  revises?: string;

  @ApiPropertyOptional({ description: 'The generation of which this is another try.' })
  regenerates?: string;

  @ApiProperty({ format: 'date-time', description: 'When it was sent, or asked for.' })
  at!: string;

  @ApiPropertyOptional({ description: 'The one that answered, as the provider named it; until then, the one asked.' })
  model?: string;

  @ApiPropertyOptional({ type: Object, nullable: true, example: { promptTokens: 31 }, description: UNKNOWN })
  usage?: object | null;

  @ApiPropertyOptional({ type: CostDocument, nullable: true, description: UNKNOWN })
  cost?: CostDocument | null;

  @ApiPropertyOptional({ type: FailureDocument })
  error?: FailureDocument;

  @ApiProperty({ ...CURSOR, description: 'At which it stands as it is shown.' })
  cursor!: string;
}

export class ConversationDocument {
  @ApiProperty()
  id!: string;

  @ApiProperty({ type: String, nullable: true })
  title!: string | null;

  @ApiProperty({ type: String, nullable: true })
  system!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'Its own choice. Null: as the server has it.' })
  model!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'Its own choice. Null: as the server has it.' })
  provider!: string | null;

  @ApiProperty({ type: Object, nullable: true, description: 'Its own choice. Null: none.' })
  params!: object | null;

  @ApiProperty()
  archived!: boolean;

  @ApiProperty({ enum: ['generating', 'queued', 'idle'] })
  status!: string;

  @ApiProperty(CURSOR)
  cursor!: string;

  @ApiProperty({ type: [String], description: 'All ids from the root to the leaf, selected or asked for.' })
  path!: readonly string[];

  @ApiProperty({ type: [NodeDocument], description: 'The newest nodes, 500 at most, oldest first.' })
  tree!: readonly NodeDocument[];

  @ApiProperty({ description: 'There are older nodes: ask with `before` and the first of these.' })
  more!: boolean;
}
