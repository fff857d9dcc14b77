import type { RecordedUsage } from '../events/conversation-events.js';

/** A call to a model. The body is the exact text whose UTF-8 bytes must reach the provider. */
export interface ModelCall {
  readonly body: string;
  /** The hash of those bytes, lower-case hex. The adapter compares it in the last function before the socket. */
  readonly bodySha256: string;
}

/** The kind of a piece of an answer: content, reasoning, a tool call, a refusal, or unknown fields. */
export type Channel = 'content' | 'reasoning' | 'tool' | 'refusal' | 'other';

/** The called tool. */
export interface ToolStart {
  readonly id?: string;
  readonly name?: string;
  readonly type?: string;
}

/** The outputs of a model's stream, in order. `finished` is the last one. */
export type ModelOutput =
  | {
      readonly type: 'text';
      readonly channel: Channel;
      readonly text: string;
      /** The index of a tool call, because several may come side by side. */
      readonly call?: number;
      /** On the first piece of a tool call. */
      readonly tool?: ToolStart;
    }
  /** The stream ended with a finish reason of the provider. */
  | ({
      readonly type: 'finished';
      readonly finishReason: string;
      /** The provider's name, if the normalised one differs. */
      readonly providerFinishReason?: string;
      readonly modelServed: string | null;
    } & ReportedUsage);

/** Normalised usage, and the report of the provider field by field. Null if it reported none. */
export interface ReportedUsage {
  readonly usage: RecordedUsage | null;
  readonly usageRaw: Readonly<Record<string, unknown>> | null;
}

export type ModelFailureKind =
  /** The bytes of the request were not the recorded ones, so it was not sent. */
  | 'prompt_mismatch'
  /** The provider answered with an error: a status, an error object in the stream, or a response that is no stream. */
  | 'provider_error'
  /** The provider answered 429. */
  | 'rate_limited'
  /** There was no connection, or it broke. */
  | 'network'
  /** The stream ended without a finish reason: the answer is not complete. */
  | 'incomplete'
  /** The stream is longer than that of any answer, counting all its bytes. */
  | 'too_long';

/** A failed call. An abort by the caller ends the stream without an error. */
export class ModelFailure extends Error {
  constructor(
    readonly kind: ModelFailureKind,
    /** The provider's message if it sent one. It may quote the prompt: never log it. */
    message: string,
    readonly details: {
      readonly providerStatus?: number;
      /** The pause of Retry-After. */
      readonly retryAfterMs?: number;
      /** True if the same call may succeed later: 429, 5xx, or a failed connect. */
      readonly retryable: boolean;
      /** Usage and model, if they came before the failure. */
      readonly modelServed?: string | null;
    } & Partial<ReportedUsage>,
  ) {
    super(message);
  }
}

/**
 * A provider of models. It never retries and never logs. It reads the socket even if its output is taken slowly, within the
 * bounds of limits.ts, because a reset socket drops bytes that were received and not read.
 */
export interface LanguageModel {
  /** Prepares a call without sending anything, so it may be prepared before its prompt is committed. */
  prepare(call: ModelCall): PreparedCall;
}

/** The provider's ids of an answer. */
export interface ResponseNames {
  readonly id?: string;
  readonly requestId?: string;
}

/** The moments at which the texts of all answers are appended. */
export interface Moments {
  /** Calls back at the next moment, before the texts are appended. */
  readAtNext(call: () => void): void;
}

/** A call that is made once, or not at all. */
export interface PreparedCall {
  /** The ids that are known so far, also of a call that was cut. */
  readonly response: ResponseNames;
  /**
   * Makes the call. Outputs that arrive together are yielded together. After the first text, outputs may wait for the next
   * moment, because they are not appended earlier. Throws ModelFailure, also for an error of `prepare`. An abort, or the end
   * of the loop, ends the call at once.
   */
  stream(signal: AbortSignal, moments: Moments): AsyncIterable<readonly ModelOutput[]>;
  /** Ends a call that will not be made. Has no effect on a made call. */
  discard(): void;
}

/** Deeper than any value that carries meaning, and safe for a recursive walk. */
const DEPTH_MAX = 32;

/**
 * A foreign value as JSON, if it takes at most so many bytes and nests no deeper than readers may walk. The work is
 * bounded by the same: a provider may send megabytes, and nesting that no recursive function survives.
 */
export function jsonWithin(value: unknown, bytesMax: number): string | undefined {
  return bytesLeft(value, bytesMax, DEPTH_MAX) < 0 ? undefined : JSON.stringify(value);
}

/** The rest of a budget after a parsed value is written. Negative if the budget is too small. */
function bytesLeft(value: unknown, budget: number, depth: number): number {
  if (typeof value === 'string') return budget - (value.length > budget ? value.length : bytesOf(value));
  if (typeof value !== 'object' || value === null) return budget - bytesOf(value);
  if (depth === 0) return -1;
  const isList = Array.isArray(value);
  const names = Object.keys(value);
  // Two brackets, and commas between the members: one fewer than there are members.
  let left = budget - (names.length === 0 ? 2 : 1);
  for (const name of names) {
    const named = isList ? left - 1 : bytesLeft(name, left - 2, 0);
    left = named < 0 ? named : bytesLeft((value as Record<string, unknown>)[name], named, depth - 1);
    if (left < 0) return left;
  }
  return left;
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? '');
