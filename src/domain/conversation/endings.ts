import type { ConversationEvent } from '../../events/conversation-events.js';
import { limits } from '../../limits.js';
import { endedUncalled } from '../finalization.js';
import { asOwner, type Command, type ConversationDecision } from './command.js';
import { foreseen } from './conversation.js';
import type { GenerationFinalized } from './nodes.js';
import { type Assemble, openNext } from './queue.js';
import { replyOf } from './tree.js';

/**
 * Cancels one generation and leaves the queue alone. Of an open one this is a request, which its end may overtake; a
 * queued one is over at once; and for one that has ended there is nothing to do, which is an answer and no refusal.
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
 * The end of a generation, once: a second call finds it done. In the same append the next turn opens. When more queued
 * turns end with it than one append holds, the first of them end before it: the conversation stays open until the last
 * append, so a crash in between leaves a generation that is still to be finalized, and never a queue without one.
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
