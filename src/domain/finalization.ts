import { createHash } from 'node:crypto';
import type { ConversationEvent, Failure } from '../events/conversation-events.js';
import type { GenerationFinalized, Reply } from './conversation/nodes.js';
import { type AttemptEnded, attemptThatCounts, type Tape } from './generation.js';
import { answerBlocks } from './shown-text.js';

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
export function endedUncalled(
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
