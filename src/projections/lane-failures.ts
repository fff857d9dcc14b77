import { limits } from '../limits.js';
import { RetryableError, TerminalError } from '../ports/errors.js';
import { ReadModelLost, StoreRefused } from '../ports/read-models/read-models.js';

/** The lane cannot continue until an operator has removed the cause. An outage is no such cause. */
export class Stopped extends TerminalError {}

/** Another process owns the lane, or the build is retired. */
export class Superseded extends Error {}

/** Milliseconds. Undefined: the error names no pause. */
export const pauseAfter = (error: unknown): number | undefined => {
  if (error instanceof StoreRefused) return limits.storeRefusedPauseMs;
  return error instanceof RetryableError ? error.retryAfterMs : undefined;
};

/** Whether the events of a step made it fail, and not its store or its lane. */
export const isAboutEvents = (error: unknown): boolean =>
  !(error instanceof RetryableError || error instanceof Superseded || error instanceof ReadModelLost);
