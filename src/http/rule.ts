import { ValidateBy } from 'class-validator';

/**
 * Marks a check of a value whose shape is right: breaking it is a refusal by a rule, and not a malformed request. What
 * has another shape has to pass, since another check tells of that.
 */
export const AS_RULE = { context: { isRule: true } };

export function Rule(name: string, holds: (value: unknown) => boolean, message: string): PropertyDecorator {
  return ValidateBy({ name, validator: { validate: holds, defaultMessage: () => message } }, AS_RULE);
}

/** Whether what class-validator tells of a check says that it is one of these. */
export const isRule = (context: { readonly isRule?: unknown } | undefined): boolean => context?.isRule === true;
