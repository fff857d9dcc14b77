import type { ConversationEvent } from '../../events/conversation-events.js';
import type { GenerationFinalized, Reply } from './nodes.js';

/** Lower-case hex, of the UTF-8 bytes. */
export type Sha256 = (text: string) => string;

/** The end of a generation for which no model was called: it has no tape. */
export function endedUncalled(
  { id, at }: Reply,
  status: 'cancelled' | 'error',
  error: GenerationFinalized['error'],
  sha256: Sha256,
): ConversationEvent {
  return {
    type: 'GenerationFinalized',
    data: {
      generationId: id,
      status,
      finishReason: null,
      text: '',
      textSha256: sha256(''),
      deltas: 0,
      attempt: null,
      modelServed: null,
      usage: null,
      cost: null,
      timings: { queuedAt: at, claimedAt: null, firstTextAt: null, lastTextAt: null },
      error,
    },
  };
}
