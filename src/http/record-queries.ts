import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, Matches } from 'class-validator';
import { limits } from '../limits.js';

/** Fifteen digits are exact numbers. */
const SIZE = '^[1-9][0-9]{0,14}$';
const PLACE = '^(0|[1-9][0-9]{0,14})$';
const OWNER = '^[A-Za-z0-9_-]{1,100}$';
const REVISION = '^(0|[1-9][0-9]{0,8})$';
const STREAM = '^[a-z]+-[A-Za-z0-9_-]+$';
const UUID = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$';

const matching = (pattern: string, what: string): PropertyDecorator =>
  applyDecorators(IsString(), Matches(new RegExp(pattern), { message: `must be ${what}` }));

const size = (description: string) => ({ type: 'integer', minimum: 1, maximum: 10 ** 15 - 1, description }) as const;
const SIZE_TEXT = 'a whole number from 1 on';

export class CheckpointQuery {
  @IsOptional()
  @matching('^(true|false)$', 'true or false')
  @ApiPropertyOptional({ type: 'boolean', description: 'The last note that a witness has cosigned.' })
  cosigned?: string;
}

export class FindQuery {
  @IsOptional()
  @matching(STREAM, 'the name of a stream')
  @ApiPropertyOptional({
    pattern: STREAM,
    maxLength: limits.streamNameCharactersMax,
    description: 'Beside `revision`.',
  })
  stream?: string;

  @IsOptional()
  @matching(REVISION, 'a revision')
  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: 999_999_999 })
  revision?: string;

  @IsOptional()
  @matching(UUID, 'the id of an event')
  @ApiPropertyOptional({ pattern: UUID, description: 'The id of the event instead.' })
  event?: string;
}

export class CompletenessQuery {
  @IsOptional()
  @matching(OWNER, 'the owner of an entry')
  @ApiPropertyOptional({
    pattern: OWNER,
    description: 'The conversations of this owner, by the name that entries give it. Without `conversation`.',
  })
  owner?: string;

  @IsOptional()
  @matching(UUID, 'the id of a conversation')
  @ApiPropertyOptional({ pattern: UUID, description: 'One conversation. Without `owner`.' })
  conversation?: string;

  @IsOptional()
  @matching(PLACE, 'a whole number')
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: 10 ** 15 - 1,
    description: '`next` of the part before.',
  })
  from?: string;
}

export class ProofQuery {
  @IsOptional()
  @matching(SIZE, SIZE_TEXT)
  @ApiPropertyOptional(size('The tree to prove the entry in. Without it: the last signed one.'))
  size?: string;
}

export class ConsistencyQuery {
  @matching(SIZE, SIZE_TEXT)
  @ApiProperty(size('The size of the earlier tree.'))
  from!: string;

  @IsOptional()
  @matching(SIZE, SIZE_TEXT)
  @ApiPropertyOptional(size('The size of the later tree.'))
  to?: string;
}
