import { createHash } from 'node:crypto';
import type { ConversationEvent, Failure } from '../../events/conversation-events.js';
import { limits } from '../../limits.js';
import { type AttemptEnded, attemptThatCounts, type Tape } from '../generation.js';
import { Refusal } from '../refusal.js';
import { answerBlocks } from '../texts.js';
import { asOwner, type Command, type Conversation, type ConversationDecision, foreseen } from './conversation.js';
import { type Assemble, promptAssembled } from './prompting.js';
import { type GenerationFinalized, type Reply, replyOf } from './tree.js';

/** The input for the end of a generation that is not on its tape. */
export interface LedgerFacts {
  readonly generationId: string;
  /** The time of the request. */
  readonly queuedAt: string;
  /** Computes the cost with the present price list. */
  readonly costOf: (end: AttemptEnded) => GenerationFinalized['cost'];
}

const statusOf = { completed: 'final', cancelled: 'cancelled', failed: 'error' } as const satisfies Record<
  AttemptEnded['outcome'],
  GenerationFinalized['status']
>;

/** Computes the end of a generation from its sealed tape. Every process computes the same end, given the same prices. */
export function finalizationOf(tape: Tape, facts: LedgerFacts): GenerationFinalized | undefined {
  const attempt = attemptThatCounts(tape);
  if (!attempt?.end) return undefined;
  const { outcome, finishReason, modelServed, usage, error } = attempt.end;
  const text = attempt.text.content;
  return {
    generationId: facts.generationId,
    status: statusOf[outcome],
    finishReason,
    blocks: answerBlocks(text),
    textSha256: sha256(text),
    deltas: attempt.deltas,
    attempt: attempt.number,
    attempts: tape.attempts.length,
    modelServed,
    usage,
    cost: facts.costOf(attempt.end),
    timings: {
      queuedAt: facts.queuedAt,
      claimedAt: attempt.claimedAt,
      firstTextAt: attempt.firstTextAt,
      lastTextAt: attempt.lastTextAt,
    },
    ...(error && { error }),
  };
}

/** The end of a generation for which no model was called: it has no tape. */
function endedUncalled(
  { id, at }: Reply,
  status: 'cancelled' | 'error',
  error: Failure | null = null,
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

/** Lower-case hex, of the UTF-8 bytes. */
const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');

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

/**
 * The events that follow the end of the open generation in the same append: the prompt of the next queued turn, or its end
 * if its prompt cannot be made any more, until one is open or the queue is empty. So no turn waits without an open one.
 */
export function openNext(state: Conversation, assemble: Assemble): readonly ConversationEvent[] {
  const [next] = state.queue;
  if (state.open !== null || next === undefined) return [];
  const event = openedOrEnded(state, replyOf(state, next), assemble);
  return [event, ...openNext(foreseen(state, [event]), assemble)];
}

function openedOrEnded(state: Conversation, reply: Reply, assemble: Assemble): ConversationEvent {
  const prompt = assemble(state, reply);
  if (!(prompt instanceof Refusal)) return promptAssembled(reply, prompt);
  return endedUncalled(reply, 'error', { kind: prompt.code, message: prompt.message });
}
