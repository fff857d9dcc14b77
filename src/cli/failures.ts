import { CommanderError } from 'commander';

/** The command failed. Ends with one line of text and exit code 1. */
export class CommandFailed extends Error {}

/** A check could not be made, so it found nothing. Ends with exit code 3. */
export class NotChecked extends Error {}

/** The usage is wrong. Ends with exit code 2. */
export class UsageError extends Error {}

/** The reader of the output, such as `head`, has closed it. This is a normal end. */
export class ReaderGone extends Error {}

/** The exit codes of the README: 0, 1 after a failure, 2 for wrong usage, 3 for no check. Help and version end with 0. */
export function exitCodeOf(error: unknown): 0 | 1 | 2 | 3 {
  if (error instanceof ReaderGone) return 0;
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof NotChecked) return 3;
  return error instanceof UsageError ? 2 : 1;
}

/** Adds the message of the cause, unless the message has it already. */
export function reasonOf(error: unknown): string {
  // The error of a host with two addresses has an empty message.
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join('; ');
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : reasonOf(error.cause);
  return error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}
