import { limits } from '../limits.js';
import { RetryableError, TerminalError } from '../ports/errors.js';
import { ReadModelLost, StoreRefused } from '../ports/read-models/read-models.js';

/** The lane cannot go on: not for an outage, but for something that somebody has to see to. */
export class Stopped extends TerminalError {}

/** Another has taken over, or nobody needs the build any more. */
export class Superseded extends Error {}

/** Milliseconds; nothing when the error says nothing of it. */
export const pauseAfter = (error: unknown): number | undefined => {
  if (error instanceof StoreRefused) return limits.storeRefusedPauseMs;
  return error instanceof RetryableError ? error.retryAfterMs : undefined;
};

/** Whether the events of a step made it fail, and not its store or its lane. */
export const isAboutEvents = (error: unknown): boolean =>
  !(error instanceof RetryableError || error instanceof Superseded || error instanceof ReadModelLost);
