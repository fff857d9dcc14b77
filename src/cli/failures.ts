import { CommanderError } from 'commander';

/** The command could not do what it was asked: one line for a person, and exit code 1. */
export class CommandFailed extends Error {}

/** It was asked wrongly: exit code 2. */
export class UsageError extends Error {}

/** The reader of the output, such as `head`, has closed it. This is a normal end. */
export class ReaderGone extends Error {}

/** What README promises: 0, 1 after a failure, 2 for wrong usage. Help and the version are no mistakes. */
export function exitCodeOf(error: unknown): 0 | 1 | 2 {
  if (error instanceof ReaderGone) return 0;
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  return error instanceof UsageError ? 2 : 1;
}

/** Adds the message of the cause, unless the message has it already. */
export function reasonOf(error: unknown): string {
  // That of a host with two addresses has no message of its own.
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join('; ');
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : reasonOf(error.cause);
  return error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}
