import type { ConversationEvent } from '../events/conversation-events.js';

/** How a generation ended, as far as it is counted. Null is unknown, and is not counted as zero. */
export interface GenerationEnd {
  readonly status: Extract<ConversationEvent, { type: 'GenerationFinalized' }>['data']['status'];
  /** The one that was asked; null when no prompt was assembled. */
  readonly model: string | null;
  readonly ttftMs: number | null;
  /** Null also when no model was called: there is nothing that took so long. */
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
  /** However it was answered, from when it was asked for. */
  appendAnswered(milliseconds: number): void;
  /** So many events went to the log as one transaction. */
  batchSent(events: number): void;
  /** So many events were acknowledged by the system that they are relayed to. */
  eventsRelayed(events: number): void;
  /** A part of the background work met an error that is not an outage. */
  backgroundFailed(part: string): void;
}

/** Counts nothing. */
export const noMeter: Meter = {
  generationEnded: () => {},
  appendAnswered: () => {},
  batchSent: () => {},
  eventsRelayed: () => {},
  backgroundFailed: () => {},
};
