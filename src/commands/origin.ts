import type { Conversation } from '../domain/conversation/conversation.js';
import { replyOf } from '../domain/conversation/tree.js';
import type { Trace, Tracer } from '../ports/tracer.js';
import type { Origin } from './prompt-runner.js';

export const WORKER = { id: 'verbatim', kind: 'service' };
export const OPERATOR = { id: 'operator', kind: 'operator' };

/** Events of a generation have the owner of the conversation, and the trace of the request that started it. */
export function originOf(state: Conversation, generation: string, tracer: Tracer | undefined): Origin {
  return originFor(generation, replyOf(state, generation), state.owner?.user, tracer);
}

/** If tracing is on, the traceparent is the span of the generation. */
export function originFor(
  generation: string,
  asked: Trace,
  owner: string | null | undefined,
  tracer: Tracer | undefined,
): Origin {
  const traceparent = tracer?.generationParent(generation, asked);
  return {
    actor: WORKER,
    correlationId: asked.correlationId,
    ...(owner && { owner }),
    ...(traceparent && { traceparent }),
  };
}
