import { ApiProperty, ApiPropertyOptional, OmitType } from '@nestjs/swagger';
import type { ListedConversation } from '../projections/queries/list-conversations.js';
import type { ListedRun } from '../projections/queries/list-runs.js';
import type { UsedBy } from '../projections/queries/sum-usage.js';
import { CostDocument } from './conversation-document.js';
import { RunDocument } from './run-document.js';

const NEXT = {
  type: String,
  nullable: true,
  description: 'Opaque: `before` of the next page. Null: there is none.',
} as const;

class ListedConversationDocument implements ListedConversation {
  @ApiProperty()
  id!: string;

  @ApiProperty({ type: String, nullable: true })
  title!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'The beginning of what was said last.' })
  lastMessage!: string | null;

  @ApiProperty({ format: 'date-time' })
  updatedAt!: string;

  @ApiProperty({ enum: ['generating', 'queued', 'idle'] })
  status!: ListedConversation['status'];

  @ApiProperty({ type: String, nullable: true, description: 'Its own choice, or else the one that was asked last.' })
  model!: string | null;

  @ApiProperty({ description: 'Messages and answers; notes are not counted.' })
  messages!: number;
}

export class ConversationsDocument {
  @ApiProperty({ type: [ListedConversationDocument] })
  items!: readonly ListedConversation[];

  @ApiProperty(NEXT)
  next!: string | null;
}

/** Without what only the tape of a run records. */
class ListedRunDocument extends OmitType(RunDocument, ['events', 'responseId', 'requestId']) {
  @ApiProperty({ format: 'date-time', description: 'When it was asked for.' })
  requestedAt!: string;
}

export class RunsDocument {
  @ApiProperty({ type: [ListedRunDocument] })
  items!: readonly ListedRun[];

  @ApiProperty(NEXT)
  next!: string | null;
}

class UsedByDocument implements UsedBy {
  @ApiPropertyOptional({ example: '2026-01-31', description: 'By day.' })
  day?: string;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'By user.' })
  user?: string | null;

  @ApiPropertyOptional({ description: 'By model.' })
  model?: string;

  @ApiProperty({ description: 'That called a model.' })
  runs!: number;

  @ApiProperty({ description: 'Runs of which no usage is known: they are in none of the sums.' })
  unknownUsage!: number;

  @ApiProperty()
  promptTokens!: number;

  @ApiProperty()
  completionTokens!: number;

  @ApiProperty()
  totalTokens!: number;

  @ApiProperty({ type: CostDocument, nullable: true, description: 'Null: it is known of no run.' })
  cost!: CostDocument | null;

  @ApiProperty({ description: 'Runs of which no cost is known.' })
  unknownCost!: number;
}

export class UsageDocument {
  @ApiProperty({ type: [UsedByDocument], description: 'Another currency has a line of its own.' })
  items!: readonly UsedBy[];
}
