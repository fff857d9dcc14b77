import type { AnswerRequest } from '../domain/conversation/turns.js';
import type { Metadata } from '../events/envelope.js';

/** The user and the trace of a request, which every command has. */
export interface Caller {
  readonly tenant: string;
  readonly user: string;
  readonly traceId: string;
  /** The traceparent of the request, if it was valid. */
  readonly traceparent?: string;
}

/** The caller of a command that appends to a conversation. An idempotency key makes it safe to repeat. */
export interface WritingCaller extends Caller {
  readonly idempotency?: {
    readonly key: string;
    /** The hash of the whole request. The same key with another fingerprint is refused. */
    readonly fingerprint: string;
  };
}

export function metadataOf({ user, traceId, traceparent }: Caller, commandId: string): Metadata {
  return {
    actor: { id: user, kind: 'user' },
    correlationId: traceId,
    commandId,
    ...(traceparent && { traceparent }),
  };
}

/** The options of a caller for the requested answer. */
export type Asking = Omit<AnswerRequest, 'generationId'>;
