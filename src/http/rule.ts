import { ValidateBy } from 'class-validator';

/**
 * Marks a check of a value of the right shape: a value that breaks it is refused by a rule, not as a malformed request.
 * The check has to accept values of another shape, which another check refuses.
 */
export const AS_RULE = { context: { isRule: true } };

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
