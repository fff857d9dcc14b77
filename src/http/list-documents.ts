import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { ListedRun } from '../domain/conversation/run.js';
import type { ShownLook } from '../projections/access/query.js';
import type { ListedConversation } from '../projections/conversations/query.js';
import type { UsedBy } from '../projections/usage/query.js';
import { RunSummaryDocument } from './run-document.js';
import { CostDocument } from './turn-documents.js';

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

  @ApiProperty({ type: String, nullable: true, description: 'The beginning of the last message or answer.' })
  lastMessage!: string | null;

  @ApiProperty({ format: 'date-time' })
  updatedAt!: string;

  @ApiProperty({ enum: ['generating', 'queued', 'idle'] })
  status!: ListedConversation['status'];

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The model of the conversation, or else the last requested one.',
  })
  model!: string | null;

  @ApiProperty({ description: 'Number of messages and answers, without notes.' })
  messages!: number;
}

export class ConversationsDocument {
  @ApiProperty({ type: [ListedConversationDocument] })
  items!: readonly ListedConversation[];

  @ApiProperty(NEXT)
  next!: string | null;
}

class ListedRunDocument extends RunSummaryDocument implements ListedRun {
  @ApiProperty({ format: 'date-time', description: 'When the generation was requested.' })
  requestedAt!: string;
}

export class RunsDocument {
  @ApiProperty({ type: [ListedRunDocument] })
  items!: readonly ListedRun[];

  @ApiProperty(NEXT)
  next!: string | null;
}

class UsedByDocument implements UsedBy {
  @ApiPropertyOptional({ example: '2026-01-31', description: 'With `by=day`.' })
  day?: string;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'With `by=user`.' })
  user?: string | null;

  @ApiPropertyOptional({ description: 'With `by=model`.' })
  model?: string;

  @ApiProperty({ description: 'Number of runs that called a model.' })
  runs!: number;

  @ApiProperty({ description: 'Runs with unknown usage. No sum includes them.' })
  unknownUsage!: number;

  @ApiProperty()
  promptTokens!: number;

  @ApiProperty()
  completionTokens!: number;

  @ApiProperty()
  totalTokens!: number;

  @ApiProperty({ type: CostDocument, nullable: true, description: 'Null: no cost is known.' })
  cost!: CostDocument | null;

  @ApiProperty({ description: 'Runs with unknown cost.' })
  unknownCost!: number;
}

export class UsageDocument {
  @ApiProperty({ type: [UsedByDocument], description: 'One line for each currency.' })
  items!: readonly UsedBy[];
}

class LookedAtDocument {
  @ApiProperty({ example: 'conversation', description: 'A list, such as `runs`, has the id of its tenant.' })
  kind!: string;

  @ApiProperty()
  id!: string;
}

class LookDocument implements ShownLook {
  @ApiProperty({ format: 'date-time' })
  at!: string;

  @ApiProperty({ description: 'The user, or `operator` for the command line.' })
  actor!: string;

  @ApiProperty({ enum: ['member', 'auditor', 'admin', null], type: String, nullable: true, description: 'Of the key.' })
  role!: ShownLook['role'];

  @ApiProperty({ example: 'run_request', description: 'What was shown: of the first look that the record covers.' })
  what!: string;

  @ApiProperty({ type: String, nullable: true, description: 'Null: several owners, or none is known.' })
  owner!: string | null;

  @ApiProperty({ type: [LookedAtDocument], description: 'The object, then the one that it is part of.' })
  objects!: ShownLook['objects'];

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    description: 'What a list was asked for.',
  })
  filters!: ShownLook['filters'];

  @ApiProperty({ type: String, nullable: true, description: 'The X-Purpose of the request.' })
  purpose!: string | null;
}

export class LooksDocument {
  @ApiProperty({ type: [LookDocument] })
  items!: readonly ShownLook[];

  @ApiProperty(NEXT)
  next!: string | null;
}
