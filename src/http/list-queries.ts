import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Matches } from 'class-validator';
import { RUN_STATUSES, type RunStatus } from '../domain/conversation/run.js';
import { limits } from '../limits.js';
import { CURSOR_OF, Rule, Shape, TEXT } from './fields.js';
import { instantIn, isDay } from './instants.js';

const optional = (description: string, ...checks: PropertyDecorator[]): PropertyDecorator =>
  applyDecorators(IsOptional(), IsString(), ...checks, ApiPropertyOptional({ type: String, description }));

/** The page and its size. */
class PageQuery {
  @IsOptional()
  @Matches(/^[1-9]\d{0,8}$/, { message: 'must be a whole number from 1 on' })
  @Rule('isPageSize', isPageSize, `must be at most ${limits.pageItemsMax}`)
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: limits.pageItemsMax, default: limits.pageItemsUsual })
  limit?: string;

  @optional('`next` of the previous page.')
  before?: string;
}

function isPageSize(value: unknown): boolean {
  return !/^[1-9]\d{0,8}$/.test(String(value)) || Number(value) <= limits.pageItemsMax;
}

export const pageSize = (limit: string | undefined): number =>
  limit === undefined ? limits.pageItemsUsual : Number(limit);

const MIN = 'Waits up to 5 s until the list covers this cursor of the conversation; then 503.';

/** The filters of every list of contents of conversations. */
const Min = (): PropertyDecorator =>
  applyDecorators(
    IsOptional(),
    IsString(),
    ApiPropertyOptional({
      type: String,
      description: `\`<conversationId>@<cursor>\`. ${MIN}`,
      pattern: CURSOR_OF,
      example: '6f1e0c0a-3c53-4a5e-9a43-0d8a3a7e1b11@12:0',
    }),
  );

/** PostgreSQL refuses NUL and halves of surrogate pairs. */
const isSearchable = (value: unknown): boolean =>
  typeof value !== 'string' || (!value.includes('\0') && value.isWellFormed());
const isShort = (value: unknown): boolean => typeof value !== 'string' || value.length <= limits.searchCharactersMax;

const Searched = (description: string): PropertyDecorator =>
  optional(
    description,
    ApiPropertyOptional({ maxLength: limits.searchCharactersMax, pattern: TEXT }),
    Rule('isSearchable', isSearchable, 'must be text'),
    Rule('isShort', isShort, `must hold at most ${limits.searchCharactersMax} characters`),
  );

const Named = (description: string): PropertyDecorator =>
  optional(description, ApiPropertyOptional({ pattern: TEXT }), Rule('isText', isSearchable, 'must be text'));

export class ConversationsQuery extends PageQuery {
  @Searched(
    'Exact words, all in one title, message or answer. `"a phrase"`, `or` and `-not` work; `-not` alone is 422.',
  )
  q?: string;

  @IsOptional()
  @IsIn(['true', 'false'])
  @ApiPropertyOptional({ type: Boolean, default: false, description: 'List archived conversations instead.' })
  archived?: 'true' | 'false';

  @Min()
  min?: string;
}

const Instant = (description: string): PropertyDecorator =>
  optional(
    `${description} A day (UTC) or an instant, ISO 8601.`,
    ApiPropertyOptional({ anyOf: [{ format: 'date' }, { format: 'date-time' }] }),
    Shape('isInstant', (text) => instantIn(text) !== undefined, 'must be an ISO 8601 date or time that exists'),
  );

export class RunsQuery extends PageQuery {
  @Named('Runs of this conversation.')
  conversation?: string;

  @Named('Runs in conversations of this user.')
  user?: string;

  @Named('Runs that requested this model.')
  model?: string;

  @IsOptional()
  @IsIn(RUN_STATUSES)
  @ApiPropertyOptional({ enum: RUN_STATUSES })
  status?: RunStatus;

  @Instant('Requested at this time or later.')
  from?: string;

  @Instant('Requested before this time.')
  to?: string;

  @Searched('Words in the question or the answer.')
  q?: string;

  @Min()
  min?: string;
}

export class AccessQuery extends PageQuery {
  @Named('Looks of this user.')
  actor?: string;

  @Named('Looks at data of this user.')
  owner?: string;

  @Named('Looks at this conversation, also at its runs, or at this run or stream.')
  object?: string;

  @Instant('At this time or later.')
  from?: string;

  @Instant('Before this time.')
  to?: string;
}

export class RunFeedQuery {
  @optional('The id to continue from, for clients that cannot set Last-Event-ID.')
  after?: string;
}

const GROUPS = ['day', 'user', 'model'] as const;
const Day = (description: string): PropertyDecorator =>
  optional(
    `${description} (UTC).`,
    ApiPropertyOptional({ format: 'date' }),
    Shape('isDay', isDay, 'must be a day that exists, such as 2026-01-31'),
  );

export class UsageQuery {
  @IsOptional()
  @IsIn(GROUPS)
  @ApiPropertyOptional({ enum: GROUPS, default: 'day' })
  by?: (typeof GROUPS)[number];

  @Day('From this day on')
  from?: string;

  @Day('Before this day')
  to?: string;
}
