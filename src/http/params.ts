import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsObject, ValidateBy, ValidateNested, type ValidationArguments } from 'class-validator';
import { type ParamMistake, paramMistakes } from '../formats/body-format.js';
import { openAiChat1Params } from '../formats/openai-chat-1.js';
import { MayBeLeftOut } from './fields.js';
import { AS_RULE } from './rule.js';

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
