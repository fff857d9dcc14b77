import { limits } from '../limits.js';

/** One mistake in a request: where it is, and which rule it breaks. Never the value. */
export interface FieldError {
  /** `params.temperature`, `parts[0].text`; empty for the body as a whole. */
  readonly path: string;
  readonly message: string;
}

/** The request does not fit its route. Lists every mistake. */
export class InvalidRequest extends Error {
  readonly errors: readonly FieldError[];

  constructor(
    errors: readonly FieldError[],
    /** Either the shape is wrong, or a value of the right shape breaks a rule. */
    readonly code: 'invalid_request' | 'value_refused' = 'invalid_request',
  ) {
    super('The request is not what this route takes');
    this.errors = errors.slice(0, limits.problemErrorsMax);
  }
}

const PLAIN_NAME = /^[A-Za-z_$][\w$]*$/;

export function pathTo(steps: readonly (string | number)[]): string {
  const path = steps.map(stepInto).join('');
  return path.replace(/^\./, '').slice(0, limits.problemPathCharactersMax);
}

function stepInto(step: string | number): string {
  if (typeof step === 'number') return `[${step}]`;
  return PLAIN_NAME.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
}
