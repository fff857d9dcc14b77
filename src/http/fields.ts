import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  ValidateBy,
  ValidateIf,
  ValidateNested,
  type ValidationArguments,
} from 'class-validator';
import { type ParamMistake, paramMistakes } from '../formats/body-format.js';
import { openAiChat1Params } from '../formats/openai-chat-1.js';
import { limits } from '../limits.js';

/*
 * Rules about texts as patterns of JSON Schema, for the API document. The validators of the fields check more than a
 * pattern can express: bytes, and halves of surrogate pairs.
 */

/** A text without NUL. */
export const TEXT = '^[^\\u0000]*$';
/** A text without NUL and with at least one character that is not blank. */
const TEXT_WITH_WORDS = '^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$';
/** Visible characters without spaces. */
const VISIBLE = '^[^\\s\\u0000-\\u001f\\u007f-\\u009f]+$';
/** A cursor of a conversation. */
export const CURSOR = '^(0|[1-9][0-9]{0,9}):(0|[1-9][0-9]{0,9})$';
/** A conversation and a cursor of it. */
export const CURSOR_OF = '^[^@]+@(0|[1-9][0-9]{0,9}):(0|[1-9][0-9]{0,9})$';

/**
 * Marks a check of a value of the right shape: a value that breaks it is refused by a rule, not as a malformed request.
 * The check has to accept values of another shape, which another check refuses.
 */
const AS_RULE = { context: { isRule: true } };

export function Rule(name: string, holds: (value: unknown) => boolean, message: string): PropertyDecorator {
  return ValidateBy({ name, validator: { validate: holds, defaultMessage: () => message } }, AS_RULE);
}

/** A check of the shape of a value: a value that breaks it makes a malformed request. It may get any type of value. */
export function Shape(name: string, holds: (text: string) => boolean, message: string): PropertyDecorator {
  const validate = (value: unknown) => typeof value !== 'string' || holds(value);
  return ValidateBy({ name, validator: { validate, defaultMessage: () => message } });
}

/** True if class-validator's report of a check has the mark of a rule. */
export const isRule = (context: { readonly isRule?: unknown } | undefined): boolean => context?.isRule === true;

const WHEN_BUSY = ['reject', 'enqueue', 'interrupt'] as const;
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
const SERVICE_NAME = /^[^\s\p{Cc}\p{Cs}]+$/u;

/** The name of a provider or of a model. Whether it exists is checked later. */
export function IsServiceName(description: string): PropertyDecorator {
  const maxLength = limits.nameCharactersMax;
  const isVisible = (value: unknown) =>
    typeof value !== 'string' || (value.length <= maxLength && SERVICE_NAME.test(value));
  return applyDecorators(
    IsString(),
    Rule('isServiceName', isVisible, `must hold 1 to ${maxLength} visible characters without spaces`),
    ApiProperty({ type: String, description, minLength: 1, maxLength, pattern: VISIBLE }),
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

type Validation = Parameters<typeof ValidateBy>[0];

/** A check that a setting has no mistake of this kind. The name of the property selects the rule. */
function noMistakeAbout(about: ParamMistake['about']): Validation {
  const mistakeIn = ({ property, value }: ValidationArguments): string | undefined =>
    paramMistakes(openAiChat1Params, { [property]: value }).find((mistake) => mistake.about === about)?.message;
  const validate = (_: unknown, args?: ValidationArguments) => !args || mistakeIn(args) === undefined;
  const defaultMessage = (args?: ValidationArguments) => (args && mistakeIn(args)) ?? '';
  return { name: `isParam ${about}`, validator: { validate, defaultMessage } };
}

const IS_TYPE = noMistakeAbout('type');
const IS_VALUE = noMistakeAbout('value');

/** The settings of the format. Others are refused. */
export class Params {
  [name: string]: unknown;
}

for (const [name, { schema }] of openAiChat1Params) {
  // The compiler emits this for declared properties. Swagger needs it for a schema without `type`.
  Reflect.defineMetadata('design:type', Object, Params.prototype, name);
  const checks = [ApiProperty(schema), MayBeLeftOut(), ValidateBy(IS_TYPE), ValidateBy(IS_VALUE, AS_RULE)];
  applyDecorators(...checks)(Params.prototype, name);
}

export function IsParams(): PropertyDecorator {
  return applyDecorators(
    IsObject(),
    ValidateNested({ message: 'must be an object' }),
    Type(() => Params),
    ApiProperty({ type: Params, description: 'Replaces an earlier object as a whole.' }),
  );
}

/** A plain object, as it is recorded and compared. */
export function plainParams(params: Params | null | undefined): Record<string, unknown> | null | undefined {
  return params && { ...params };
}
