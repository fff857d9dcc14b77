import { applyDecorators } from '@nestjs/common';
import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsObject, ValidateBy, ValidateNested, type ValidationArguments } from 'class-validator';
import { type ParamMistake, paramMistakes, STOP_CHARACTERS_MAX, STOPS_MAX } from '../domain/prompt/params.js';
import { MayBeLeftOut } from './fields.js';
import { AS_RULE, Rule } from './rule.js';
import { TEXT } from './schema-patterns.js';

type Check = Parameters<typeof ValidateBy>[0];

/** Whether a setting has a mistake of this kind, by its own name. */
function noMistakeAbout(about: ParamMistake['about']): Check {
  const mistakeIn = ({ property, value }: ValidationArguments): string | undefined =>
    paramMistakes({ [property]: value }).find((mistake) => mistake.about === about)?.message;
  const validate = (_: unknown, args?: ValidationArguments) => !args || mistakeIn(args) === undefined;
  const defaultMessage = (args?: ValidationArguments) => (args && mistakeIn(args)) ?? '';
  return { name: `isParam ${about}`, validator: { validate, defaultMessage } };
}

const IS_TYPE = noMistakeAbout('type');
const IS_VALUE = noMistakeAbout('value');

/** A setting of its own name, with the values that a prompt may have. */
function IsParam(document: ApiPropertyOptions): PropertyDecorator {
  return applyDecorators(ApiProperty(document), MayBeLeftOut(), ValidateBy(IS_TYPE), ValidateBy(IS_VALUE, AS_RULE));
}

const isWellFormed = (value: unknown): boolean =>
  [value].flat().every((text) => typeof text !== 'string' || (!text.includes('\0') && text.isWellFormed()));

const FROM_0 = { type: 'number', minimum: 0 } as const;
const PENALTY = { type: 'number', minimum: -2, maximum: 2 } as const;
const TOKENS = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER } as const;
const STOP = { type: 'string', minLength: 1, maxLength: STOP_CHARACTERS_MAX, pattern: TEXT } as const;
const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

/** The settings that reach a provider, and no others. */
export class Params {
  @IsParam({ ...FROM_0, maximum: 2 })
  temperature?: number;

  @IsParam({ ...FROM_0, maximum: 1 })
  top_p?: number;

  @IsParam(TOKENS)
  max_tokens?: number;

  @IsParam(TOKENS)
  max_completion_tokens?: number;

  @IsParam({ oneOf: [STOP, { type: 'array', items: STOP, minItems: 1, maxItems: STOPS_MAX }] })
  @Rule('isWellFormed', isWellFormed, 'must not contain NUL or half of a surrogate pair')
  stop?: string | string[];

  @IsParam({ type: 'integer', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER })
  seed?: number;

  @IsParam(PENALTY)
  presence_penalty?: number;

  @IsParam(PENALTY)
  frequency_penalty?: number;

  @IsParam({ type: 'string', enum: EFFORTS })
  reasoning_effort?: string;
}

export function IsParams(): PropertyDecorator {
  return applyDecorators(
    IsObject(),
    ValidateNested({ message: 'must be an object' }),
    Type(() => Params),
    ApiProperty({ type: Params, description: 'The whole object counts: it is not merged with an earlier one.' }),
  );
}

/** A plain object, as it is recorded and compared. */
export function plainParams(params: Params | null | undefined): Record<string, unknown> | null | undefined {
  return params && { ...params };
}
