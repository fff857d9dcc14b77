import type { GenerationEvent } from '../events/conversation-events.js';
import type { Metadata, Position, RecordedEvent } from '../events/envelope.js';
import type { GenerationEnd } from './meter.js';

/** Where work belongs: the trace of the request that asked for it, as the metadata of its events has it. */
export type Trace = Pick<Metadata, 'correlationId' | 'traceparent'>;

export interface RequestBegun {
  /** Of the trace that the request came with, or else a new one. 32 hex digits. */
  readonly traceId: string;
  /** The header that the request came with, if it was valid. */
  readonly traceparent: string | undefined;
  readonly method: string;
  /** The pattern of its route: a path has ids and may have anything else that a client typed. */
  readonly route: string | undefined;
  readonly scheme: 'http' | 'https';
  readonly httpVersion: string;
  /** Of this side of the connection. */
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
}

export interface RequestSpan {
  /** For the metadata of the events that the request causes. */
  readonly traceparent: string;
  /** Without a status if the client left before there was an answer. */
  end(status: number | undefined): void;
}

export interface GenerationBegun {
  readonly generation: string;
  readonly conversation: string;
  readonly asked: Trace;
}

export interface AttemptBegun extends GenerationBegun {
  readonly number: number;
  readonly prompt: {
    readonly provider: string;
    readonly model: string;
    readonly params: Readonly<Record<string, unknown>>;
  };
}

type AttemptEnd = Extract<GenerationEvent, { type: 'AttemptEnded' }>['data'];

/** What is known of an attempt when its process leaves it. Texts are left out on purpose. */
export interface AttemptLeft {
  readonly deltas: number;
  readonly firstTextAt: string | null;
  /** Null if this process left the attempt open: another one ends it. */
  readonly end:
    | (Pick<AttemptEnd, 'outcome' | 'finishReason' | 'modelServed' | 'usage' | 'response'> & {
        readonly error?: Pick<NonNullable<AttemptEnd['error']>, 'kind' | 'providerStatus'>;
      })
    | null;
}

export interface AttemptSpan {
  end(attempt: AttemptLeft | undefined): void;
}

export interface GenerationTraced extends GenerationBegun {
  readonly askedAt: string;
  readonly end: GenerationEnd;
  /** Of the attempt that counts; null if no model was called. */
  readonly attempt: number | null;
  readonly errorKind: string | null;
}

export interface StepBegun {
  readonly projection: string;
  readonly build: number;
  readonly events: readonly RecordedEvent[];
  readonly from: Position;
  readonly to: Position;
}

export interface StepSpan {
  end(error?: unknown): void;
}

/**
 * Makes spans of what this process does. It gets ids, counts and the names of models, and never a text of a person. It
 * neither waits nor throws. A process that traces nothing has none, so it does not even make the facts.
 *
 * The context travels in the metadata of events alone: a request's events name the span of the request, and all other
 * events of a generation name the span of the generation. So every process finds the parent of what it does in the log.
 */
export interface Tracer {
  requestBegun(request: RequestBegun): RequestSpan;
  /**
   * Names the span of a generation, the same in each process: one may make the attempts and another one, after a crash,
   * the end.
   */
  generationParent(generation: string, asked: Trace): string;
  attemptBegun(attempt: AttemptBegun): AttemptSpan;
  /** Called by the process that has written the end, so that there is one span for each generation. */
  generationEnded(ended: GenerationTraced): void;
  stepBegun(step: StepBegun): StepSpan;
}
