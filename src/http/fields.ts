import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsOptional, IsString, ValidateIf } from 'class-validator';
import { limits } from '../limits.js';
import { Rule } from './rule.js';
import { TEXT, VISIBLE as VISIBLE_TEXT } from './schema-patterns.js';

export const WHEN_BUSY = ['reject', 'enqueue', 'interrupt'] as const;
export type BusyChoice = (typeof WHEN_BUSY)[number];

/** An optional field. Null is refused. */
export function MayBeLeftOut(): PropertyDecorator {
  return applyDecorators(
    ValidateIf((_, value) => value !== undefined),
    ApiPropertyOptional(),
  );
}

/** An optional field for which null has a meaning. */
export function MayBeNull(): PropertyDecorator {
  return applyDecorators(IsOptional(), ApiPropertyOptional({ nullable: true }));
}

export function IsTitle(description: string): PropertyDecorator {
  const maxLength = limits.titleCharactersMax;
  const isShort = (value: unknown) => typeof value !== 'string' || value.length <= maxLength;
  return applyDecorators(
    IsString(),
    Rule('isTitle', isShort, `must hold at most ${maxLength} characters`),
    ApiProperty({ type: String, description, maxLength, pattern: TEXT }),
  );
}

/** Names of providers and models have only visible characters and no spaces. */
const VISIBLE = /^[^\s\p{Cc}\p{Cs}]+$/u;

/** The name of a provider or of a model. Whether it exists is checked later. */
export function IsServiceName(description: string): PropertyDecorator {
  const maxLength = limits.nameCharactersMax;
  const isVisible = (value: unknown) => typeof value !== 'string' || (value.length <= maxLength && VISIBLE.test(value));
  return applyDecorators(
    IsString(),
    Rule('isServiceName', isVisible, `must hold 1 to ${maxLength} visible characters without spaces`),
    ApiProperty({ type: String, description, minLength: 1, maxLength, pattern: VISIBLE_TEXT }),
  );
}

export function IsTokenBudget(): PropertyDecorator {
  const maximum = limits.tokenBudgetMax;
  const isInRange = (value: unknown) => !Number.isInteger(value) || (1 <= Number(value) && Number(value) <= maximum);
  const description = 'Tokens of a prompt and its answer together. Replaces the limit of the model.';
  return applyDecorators(
    IsInt(),
    Rule('isTokenBudget', isInRange, `must be from 1 to ${maximum}`),
    ApiProperty({ type: 'integer', description, minimum: 1, maximum }),
  );
}

export function IsWhenBusy(): PropertyDecorator {
  const description = 'What happens to a turn that is sent while another one is open. Default: `reject`.';
  return applyDecorators(IsIn(WHEN_BUSY), ApiProperty({ enum: WHEN_BUSY, description }));
}

const MAY_BE_ABSENT = Symbol('the body may be absent');

/** Marks the class of a body without required fields: an absent body then means `{}`. */
export const MayBeAbsent = (): ClassDecorator => (body) => Reflect.defineMetadata(MAY_BE_ABSENT, true, body);

/** Not inherited: a derived class may have required fields. */
export const mayBeAbsent = (body: object): boolean => Reflect.hasOwnMetadata(MAY_BE_ABSENT, body);
