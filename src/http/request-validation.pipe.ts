import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { type ValidationError, validateSync } from 'class-validator';
import { TerminalError } from '../ports/errors.js';
import { isRule, mayBeAbsent } from './fields.js';
import { type FieldError, InvalidRequest, pathTo } from './invalid-request.js';

type FieldPath = readonly (string | number)[];
type Mistake = FieldError & { readonly aboutRule: boolean };

/** Declared types of arguments that do not describe a shape. */
const UNDESCRIBED: readonly unknown[] = [undefined, String, Number, Boolean, Array, Object];

/**
 * Validates a body or a query by the class that its handler declares. It converts nothing, refuses unknown fields, and
 * reports all mistakes at once.
 */
export class RequestValidationPipe implements PipeTransform {
  transform(given: unknown, { type, metatype }: ArgumentMetadata): unknown {
    const isDescribed = metatype && !UNDESCRIBED.includes(metatype);
    // A class that is imported as a type only would have no checks. This makes it an error.
    if (type === 'body' && !isDescribed) throw new TerminalError('no class describes this body');
    if (!isDescribed || type === 'custom') return given;
    const value = given === undefined && mayBeAbsent(metatype) ? {} : given;
    if (!isJsonObject(value)) throw new InvalidRequest([{ path: '', message: 'must be a JSON object' }]);
    // Copied, because a parsed query string has no prototype and class-transformer needs one.
    const instance: object = plainToInstance(metatype, { ...value });
    const found = validateSync(instance, {
      whitelist: true,
      forbidNonWhitelisted: true,
      // A class may have no fields. The two options above refuse unknown ones.
      forbidUnknownValues: false,
    });
    const mistakes = [...inheritedNames(value, []), ...found.flatMap((error) => mistakesIn(error, []))];
    if (mistakes.length > 0) throw refusal(mistakes);
    return instance;
  }
}

function isJsonObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Names that every object inherits, such as `constructor`. class-transformer drops some of them silently, and
 * class-validator accepts others. No field of the API has such a name.
 */
function inheritedNames(value: unknown, steps: FieldPath): Mistake[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const inside = [...steps, Array.isArray(value) ? Number(name) : name];
    return name in Object.prototype ? [unknownField(inside)] : inheritedNames(inner, inside);
  });
}

function unknownField(steps: FieldPath): Mistake {
  return { path: pathTo(steps), message: 'is not a known field', aboutRule: false };
}

function mistakesIn(error: ValidationError, steps: FieldPath): Mistake[] {
  const { target, property, constraints = {}, contexts = {}, children = [] } = error;
  const inside = [...steps, Array.isArray(target) ? Number(property) : property];
  const own = Object.entries(constraints).map(([rule, message]) =>
    rule === 'whitelistValidation'
      ? unknownField(inside)
      : { path: pathTo(inside), message: withoutName(message, property), aboutRule: isRule(contexts[rule]) },
  );
  return [...own, ...children.flatMap((child) => mistakesIn(child, inside))];
}

/** Leaves out the name of the field, which the path has. */
function withoutName(message: string, property: string): string {
  return message.startsWith(`${property} `) ? message.slice(property.length + 1) : message;
}

/** Two checks may report the same mistake. It is listed once. */
function refusal(mistakes: readonly Mistake[]): InvalidRequest {
  const distinct = new Map(mistakes.map(({ path, message }) => [JSON.stringify([path, message]), { path, message }]));
  const isAboutRules = mistakes.every(({ aboutRule }) => aboutRule);
  return new InvalidRequest([...distinct.values()], isAboutRules ? 'value_refused' : 'invalid_request');
}
