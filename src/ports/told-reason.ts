import { UndecodableEvent } from '../events/codec.js';
import { RetryableError, TerminalError } from './errors.js';

/** Why something failed, for operators. Messages of our own errors quote nobody; a database's quotes the value that it refuses. */
export function toldReason(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const isOurs = [TerminalError, RetryableError, UndecodableEvent].some((kind) => error instanceof kind);
  if (isOurs) return error.message;
  return 'code' in error ? `${error.constructor.name} ${error.code}` : error.constructor.name;
}
