import type { ConversationEvent } from '../../events/conversation-events.js';
import { limits } from '../../limits.js';
import { endedUncalled } from '../finalization.js';
import { asOwner, type Command, type ConversationDecision } from './command.js';
import { foreseen } from './conversation.js';
import type { GenerationFinalized } from './nodes.js';
import { type Assemble, openNext } from './queue.js';
import { replyOf } from './tree.js';

/**
 * Cancels one generation and leaves the others in the queue. For an open one this is a request, and the generation may still
 * end in another way. A queued one ends at once. One that has ended is not changed, and this is no refusal.
 */
export function requestCancel(command: Command, generationId: string): ConversationDecision {
  return asOwner(command, (state) => {
    const reply = replyOf(state, generationId);
    if (reply.result || reply.cancelRequested) return [];
    if (state.queue.includes(generationId)) return [endedUncalled(reply, 'cancelled')];
    return [{ type: 'GenerationCancelRequested', data: { generationId, reason: 'asked' } }];
  });
}

/**
 * Finalizes a generation, and opens the next queued turn in the same append. A second call changes nothing. If more queued
 * turns end with it than one append holds, the first of them end in earlier appends: the generation stays open until the last
 * append, so after a crash it is finalized again, and the queue is never left without an open generation.
 */
export function finalize(result: GenerationFinalized, assemble: Assemble): ConversationDecision {
  return (state) => {
    if (state.open !== result.generationId) return [];
    const finalized: ConversationEvent = { type: 'GenerationFinalized', data: result };
    const opened = openNext(foreseen(state, [finalized]), assemble);
    const most = limits.endedTurnsPerAppendMax;
    return opened.length > most ? opened.slice(0, most) : [finalized, ...opened];
  };
}
