import { answerBlocks } from './answer-text.js';
import type { GenerationFinalized } from './conversation/nodes.js';
import { type AttemptEnded, attemptThatCounts, type Tape } from './generation.js';

/** What the end of a generation takes from elsewhere than its tape. */
export interface LedgerFacts {
  readonly generationId: string;
  /** When it was asked for. */
  readonly queuedAt: string;
  /** By the price list of today. */
  readonly costOf: (end: AttemptEnded) => GenerationFinalized['cost'];
  /** Lower-case hex, of the UTF-8 bytes. */
  readonly sha256: (text: string) => string;
}

const statusOf = { completed: 'final', cancelled: 'cancelled', failed: 'error' } as const satisfies Record<
  AttemptEnded['outcome'],
  GenerationFinalized['status']
>;

/** The end of a generation, read off its sealed tape: whoever reads it, it is the same, its cost by the same prices. */
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
    textSha256: facts.sha256(text),
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
