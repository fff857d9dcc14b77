import type { Metadata } from '../events/envelope.js';

/** Who asks, and on which trace: what every command of a request carries. */
export interface Caller {
  readonly tenant: string;
  readonly user: string;
  readonly traceId: string;
  /** As it came with the request, when it was valid. */
  readonly traceparent?: string;
}

/** Who asks for something that appends to a conversation, and may ask again without knowing what came of it. */
export interface WritingCaller extends Caller {
  readonly idempotency?: {
    readonly key: string;
    /** Of the whole request: the same key with another one is refused. */
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
