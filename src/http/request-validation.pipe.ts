import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { type ValidationError, validateSync } from 'class-validator';
import { type FieldError, InvalidRequest, pathTo } from './invalid-request.js';

type Steps = readonly (string | number)[];
type Mistake = FieldError & { readonly aboutRule: boolean };

/** What a handler may declare for an argument without describing its shape. */
const UNDESCRIBED: readonly unknown[] = [undefined, String, Number, Boolean, Array, Object];

/** Checks of values whose shape is right: breaking one is a refusal by a rule and not a malformed request. */
const RULES = ['isName'];

/**
 * Holds a body or a query against the class that its handler declares: nothing is converted, nothing unknown is let
 * through, and every mistake is told at once.
 */
export class RequestValidationPipe implements PipeTransform {
  transform(value: unknown, { type, metatype }: ArgumentMetadata): unknown {
    if (!metatype || UNDESCRIBED.includes(metatype) || type === 'custom') return value;
    if (!isJsonObject(value)) throw new InvalidRequest([{ path: '', message: 'must be a JSON object' }]);
    // A copy, because what comes from a query string has no prototype, and class-transformer relies on one.
    const instance: object = plainToInstance(metatype, { ...value });
    const found = validateSync(instance, {
      whitelist: true,
      forbidNonWhitelisted: true,
      forbidUnknownValues: true,
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
 * Names that every object inherits, such as `constructor`: class-transformer drops some of them in silence, and
 * class-validator takes others for known. No field of the API is called so.
 */
function inheritedNames(value: unknown, steps: Steps): Mistake[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const inside = [...steps, Array.isArray(value) ? Number(name) : name];
    return name in Object.prototype ? [unknownField(inside)] : inheritedNames(inner, inside);
  });
}

function unknownField(steps: Steps): Mistake {
  return { path: pathTo(steps), message: 'is not a known field', aboutRule: false };
}

function mistakesIn({ target, property, constraints = {}, children = [] }: ValidationError, steps: Steps): Mistake[] {
  const inside = [...steps, Array.isArray(target) ? Number(property) : property];
  const own = Object.entries(constraints).map(([rule, message]) =>
    rule === 'whitelistValidation'
      ? unknownField(inside)
      : { path: pathTo(inside), message: withoutName(message, property), aboutRule: RULES.includes(rule) },
  );
  return [...own, ...children.flatMap((child) => mistakesIn(child, inside))];
}

/** The path names it already. */
function withoutName(message: string, property: string): string {
  return message.startsWith(`${property} `) ? message.slice(property.length + 1) : message;
}

function refusal(mistakes: readonly Mistake[]): InvalidRequest {
  const errors = mistakes.map(({ path, message }) => ({ path, message }));
  return new InvalidRequest(errors, mistakes.every(({ aboutRule }) => aboutRule) ? 'value_refused' : 'invalid_request');
}
