import type { ConversationEvent } from '../../events/conversation-events.js';
import type { Failure } from '../../events/outcome.js';
import type { Reply } from './nodes.js';

/** Lower-case hex, of the UTF-8 bytes. */
export type Sha256 = (text: string) => string;

/** The end of a generation for which no model was called: it has no tape. */
export function endedUncalled(
  { id, at }: Reply,
  status: 'cancelled' | 'error',
  error: Failure | null,
  sha256: Sha256,
): ConversationEvent {
  return {
    type: 'GenerationFinalized',
    data: {
      generationId: id,
      status,
      finishReason: null,
      blocks: [],
      textSha256: sha256(''),
      deltas: 0,
      attempt: null,
      attempts: 0,
      modelServed: null,
      usage: null,
      cost: null,
      timings: { queuedAt: at, claimedAt: null, firstTextAt: null, lastTextAt: null },
      ...(error && { error }),
    },
  };
}
