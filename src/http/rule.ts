import { ValidateBy } from 'class-validator';

/**
 * Marks a check of a value whose shape is right: breaking it is a refusal by a rule, and not a malformed request. What
 * has another shape has to pass, since another check tells of that.
 */
export const AS_RULE = { context: { isRule: true } };

export function Rule(name: string, holds: (value: unknown) => boolean, message: string): PropertyDecorator {
  return ValidateBy({ name, validator: { validate: holds, defaultMessage: () => message } }, AS_RULE);
}

/** A check of the shape of a value: breaking it is a malformed request. It has to take a value that is no string. */
export function Shape(name: string, holds: (text: string) => boolean, message: string): PropertyDecorator {
  const validate = (value: unknown) => typeof value !== 'string' || holds(value);
  return ValidateBy({ name, validator: { validate, defaultMessage: () => message } });
}

/** Whether what class-validator tells of a check says that it is one of these. */
export const isRule = (context: { readonly isRule?: unknown } | undefined): boolean => context?.isRule === true;
