/** It may work later, unchanged: wait and try again. */
export class RetryableError extends Error {
  constructor(message: string, options?: ErrorOptions & { readonly retryAfterMs?: number }) {
    super(message, options);
    this.retryAfterMs = options?.retryAfterMs;
  }
  readonly retryAfterMs: number | undefined;
}

/** It took longer than it may. A smaller piece of the same work may be done in time. */
export class TimedOut extends RetryableError {}

/** It will never work, however often it is tried. */
export class TerminalError extends Error {}

/** The log cannot be reached now. Nothing is said about what an earlier, unanswered append did. */
export class LogUnavailable extends RetryableError {}
