import type { ConversationEvent } from '../events/conversation-events.js';

/** The counted values of the end of a generation. Null is unknown, and is not counted as zero. */
export interface GenerationEnd {
  readonly status: Extract<ConversationEvent, { type: 'GenerationFinalized' }>['data']['status'];
  /** The requested model. Null if no prompt was assembled. */
  readonly model: string | null;
  readonly ttftMs: number | null;
  /** Also null if no model was called. */
  readonly durationMs: number | null;
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  readonly cost: { readonly amount: string; readonly currency: string } | null;
}

/**
 * Counts events of this process for operators. It gets numbers and the names of models and currencies, never a text, a
 * tenant or a user. Every append calls it, so it neither waits nor throws.
 */
export interface Meter {
  /** Called by the process that has written the end, so that all processes together count each end once. */
  generationEnded(end: GenerationEnd): void;
  /** The time of an append from its call, with any outcome. */
  appendAnswered(milliseconds: number): void;
  /** The number of events in one transaction of the log. */
  batchSent(events: number): void;
  /** The number of events that the destination of the relay has acknowledged. */
  eventsRelayed(events: number): void;
  /** The number of entries that the notary has written. */
  entriesRecorded(entries: number): void;
  /** A part of the background work met an error that is not an outage. */
  backgroundFailed(part: string): void;
}

/** Counts nothing. */
export const noMeter: Meter = {
  generationEnded: () => {},
  appendAnswered: () => {},
  batchSent: () => {},
  eventsRelayed: () => {},
  entriesRecorded: () => {},
  backgroundFailed: () => {},
};
