import { type ErrorType, isCommandError, NotLeaderError } from '@eventstore/db-client';
import { LogUnavailable } from '../../ports/errors.js';

/** A call that timed out in this process. The server may still execute it. */
export class NoAnswer extends Error {}

/** A search for the leader of a cluster that has ended without one. */
export class NoLeader extends Error {
  constructor(readonly isAnswered: boolean) {
    super(isAnswered ? 'the nodes know no leader' : 'no node answers');
  }
}

/** `no-leader`: nodes of the cluster answer, and none of them leads. */
export type Kind = `${ErrorType}` | 'no-answer' | 'no-connection' | 'no-leader';

/** The type of a client's error. Its message may quote refused data, so only the type is reported. */
export function kindOf(error: unknown): Kind {
  if (error instanceof NoAnswer) return 'no-answer';
  if (error instanceof NoLeader && error.isAnswered) return 'no-leader';
  return isCommandError(error as Error) ? (error as { type: ErrorType }).type : 'no-connection';
}

/** Errors about the request itself. All others may pass. */
const VERDICTS: readonly Kind[] = [
  'wrong-expected-version',
  'maximum-append-size-exceeded',
  'stream-not-found',
  'stream-deleted',
  'invalid-argument',
];

export const isOutage = (error: unknown): boolean => !isMistake(error) && !VERDICTS.includes(kindOf(error));

/** Errors of the node or of the connection: the next call opens a new connection. */
export const isOfNode = (error: unknown): boolean => OF_NODE.includes(kindOf(error));

const OF_NODE: readonly Kind[] = [
  'unavailable',
  'cancelled',
  'deadline-exceeded',
  'not-leader',
  'no-answer',
  'no-connection',
  'no-leader',
];

export const leaderNamedBy = (error: unknown) => (error instanceof NotLeaderError ? error.leader : undefined);

/** The cause is only the kind of the error. */
export function unavailable(where: string, error: unknown): LogUnavailable {
  const kind = kindOf(error);
  return new LogUnavailable(`EventStoreDB at ${where} does not serve now: ${kind}`, { cause: kind });
}

/** A mistake of this program. A retry does not help. */
export const isMistake = (error: unknown): boolean =>
  [TypeError, RangeError, SyntaxError].some((kind) => error instanceof kind);
