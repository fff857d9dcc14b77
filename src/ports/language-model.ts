import type { RecordedUsage } from '../events/outcome.js';

/** A call to a model. The body is the exact text whose UTF-8 bytes are to reach the provider. */
export interface ModelCall {
  readonly body: string;
  /** Lower-case hex, of those bytes. The adapter compares it in the last function before the socket. */
  readonly bodySha256: string;
}

/** What a piece of an answer is: the answer itself, what was thought, a call of a tool, a refusal, or what nothing here reads. */
export type Channel = 'content' | 'reasoning' | 'tool' | 'refusal' | 'other';

/** Who is called by a tool call. */
export interface ToolStart {
  readonly id?: string;
  readonly name?: string;
  readonly type?: string;
}

/** What a model's stream brings, in order. Nothing comes after `finished`. */
export type ModelOutput =
  | {
      readonly type: 'text';
      readonly channel: Channel;
      readonly text: string;
      /** Of a tool call: which of those that come side by side. */
      readonly call?: number;
      /** With the first piece of a tool call. */
      readonly tool?: ToolStart;
    }
  /** The stream came to its own end: as the provider named it, never assumed. */
  | ({
      readonly type: 'finished';
      readonly finishReason: string;
      /** The provider's own name, where the normalised one differs. */
      readonly providerFinishReason?: string;
      readonly modelServed: string | null;
    } & ReportedUsage);

/** Normalised, and beside it field by field what the provider reported. Null when it reported none. */
export interface ReportedUsage {
  readonly usage: RecordedUsage | null;
  readonly usageRaw: Readonly<Record<string, unknown>> | null;
}

export type ModelFailureKind =
  /** The bytes on their way to the socket were not the recorded ones: nothing was sent. */
  | 'prompt_mismatch'
  /** The provider answered with an error: by status, by an error object in the stream, or by something else than a stream. */
  | 'provider_error'
  /** 429. */
  | 'rate_limited'
  /** No connection, or it broke. */
  | 'network'
  /** The stream ended without a finish reason: the answer is not complete. */
  | 'incomplete'
  /** The stream went on beyond any answer, however little of it was text. */
  | 'too_long';

/** Every way in which a call can fail but the caller's own abort, which ends the stream without an error. */
export class ModelFailure extends Error {
  constructor(
    readonly kind: ModelFailureKind,
    /** In the provider's own words where it had any. It may quote the prompt: never log it. */
    message: string,
    readonly details: {
      readonly providerStatus?: number;
      /** What Retry-After asked for. */
      readonly retryAfterMs?: number;
      /** Whether the same call may succeed later: 429 and 5xx, and a connection that could not be made. */
      readonly retryable: boolean;
      /** Usage and model, when they had come before the failure. */
      readonly modelServed?: string | null;
    } & Partial<ReportedUsage>,
  ) {
    super(message);
  }
}

/**
 * A provider of models. It never retries, never logs, and keeps reading however slowly its output is taken, within
 * the bounds of limits.ts: a socket that is reset takes with it what was received but not yet read.
 */
export interface LanguageModel {
  /** Makes everything ready that can be. Nothing is sent, so it may be done before it is known that the call will be made. */
  prepare(call: ModelCall): PreparedCall;
}

/** By which a provider knows an answer. */
export interface ResponseNames {
  readonly id?: string;
  readonly requestId?: string;
}

/** The moments at which the texts of all answers are appended. */
export interface Moments {
  /** Calls back at the next moment. What is read then is appended at this moment. */
  readAtNext(call: () => void): void;
}

/** A call that is made once, or not at all. */
export interface PreparedCall {
  /** As far as they are known by now: of a call that is cut too. */
  readonly response: ResponseNames;
  /**
   * Makes the call. Outputs that arrive together are yielded together. After the first text, outputs may wait for the next moment,
   * because they are not appended earlier. Throws ModelFailure, also for what went wrong while it was made ready. Leaving the loop,
   * or aborting, ends the call at once.
   */
  stream(signal: AbortSignal, moments: Moments): AsyncIterable<readonly ModelOutput[]>;
  /** It will not be made. Without effect once it was. */
  discard(): void;
}
