import type { Metadata } from '../events/envelope.js';

/** Who asks, and on which trace: what every command of a request carries. */
export interface Caller {
  readonly tenant: string;
  readonly user: string;
  readonly traceId: string;
  /** As it came with the request, when it was valid. */
  readonly traceparent?: string;
}

export function metadataOf({ user, traceId, traceparent }: Caller, commandId: string): Metadata {
  return {
    actor: { id: user, kind: 'user' },
    correlationId: traceId,
    commandId,
    ...(traceparent && { traceparent }),
  };
}
