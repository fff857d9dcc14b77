import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { IsString, ValidateBy } from 'class-validator';
import { limits } from '../limits.js';

const RULE = {
  name: 'isName',
  validator: {
    // What is no text at all is the business of IsString.
    validate: (value: unknown) =>
      typeof value !== 'string' || (value.trim() !== '' && value.length <= limits.nameCharactersMax),
    defaultMessage: () => `must hold 1 to ${limits.nameCharactersMax} characters, not only spaces`,
  },
};

/** A name that people gave to a tenant, a user or a key. */
export function IsName(description: string): PropertyDecorator {
  return applyDecorators(
    IsString(),
    ValidateBy(RULE),
    ApiProperty({ description, minLength: 1, maxLength: limits.nameCharactersMax }),
  );
}
