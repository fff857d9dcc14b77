import { UndecodableEvent } from '../events/codec.js';
/** The same call may succeed later. */
export class RetryableError extends Error {
  constructor(message: string, options?: ErrorOptions & { readonly retryAfterMs?: number }) {
    super(message, options);
    this.retryAfterMs = options?.retryAfterMs;
  }
  readonly retryAfterMs: number | undefined;
}

/** The call exceeded its time limit. A smaller part of the same work may not. */
export class TimedOut extends RetryableError {}

/** The call will never succeed. */
export class TerminalError extends Error {}

/** All streams cannot be read on from here: the log lacks events. It is not an outage, because it does not pass by itself. */
export class EventsMissing extends TerminalError {}

/** The log cannot be reached now. An earlier append without an answer may be committed. */
export class LogUnavailable extends RetryableError {}

/** The log lacks an event of one stream. The event may return with its partition. Other streams can be read. */
export class EventMissing extends LogUnavailable {
  constructor(
    readonly stream: string,
    readonly revision: number,
  ) {
    super(
      `the log lacks event ${revision} of ${stream}: the partition that holds it is not attached, or it was deleted`,
    );
  }
}

/** The reason of a failure without texts of users. Own errors quote none; a database error may quote the refused value. */
export function safeReason(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const isOurs = [TerminalError, RetryableError, UndecodableEvent].some((kind) => error instanceof kind);
  if (isOurs) return error.message;
  return 'code' in error ? `${error.constructor.name} ${error.code}` : error.constructor.name;
}

/** For what may be lost in an outage: a hint, or a record that a subscription makes later. */
export function ignoreOutage(error: unknown): void {
  if (!(error instanceof RetryableError)) throw error;
}
