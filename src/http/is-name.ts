import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { IsString } from 'class-validator';
import { limits } from '../limits.js';
import { Rule } from './rule.js';
import { TEXT_WITH_WORDS } from './schema-patterns.js';

const isName = (value: unknown): boolean =>
  typeof value !== 'string' || (value.trim() !== '' && value.length <= limits.nameCharactersMax);

const MESSAGE = `must hold 1 to ${limits.nameCharactersMax} characters, not only spaces`;

/** The name of a tenant, a user or a key. */
export function IsName(description: string): PropertyDecorator {
  return applyDecorators(
    IsString(),
    Rule('isName', isName, MESSAGE),
    ApiProperty({ description, minLength: 1, maxLength: limits.nameCharactersMax, pattern: TEXT_WITH_WORDS }),
  );
}
