import { UndecodableEvent } from '../events/codec.js';
import { RetryableError, TerminalError } from './errors.js';

/** The reason of a failure without texts of users. Own errors quote none; a database error may quote the refused value. */
export function safeReason(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const isOurs = [TerminalError, RetryableError, UndecodableEvent].some((kind) => error instanceof kind);
  if (isOurs) return error.message;
  return 'code' in error ? `${error.constructor.name} ${error.code}` : error.constructor.name;
}
