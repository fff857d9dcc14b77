import type { Conversation } from '../domain/conversation/conversation.js';
import { endOf } from '../domain/conversation/run.js';
import { type GenerationFinalized, type Reply, replyOf } from '../domain/conversation/tree.js';
import type { ConversationEvent } from '../events/conversation-events.js';
import { limits } from '../limits.js';
import type { GenerationEnd } from '../ports/meter.js';
import type { ConversationParts } from './conversation-parts.js';
import type { Transacted } from './transact.js';

/** Counts and traces every generation that this command has finalized. */
export function countEndings(
  { meter, tracer }: Pick<ConversationParts, 'meter' | 'tracer'>,
  conversation: string,
  { events, state }: Transacted<Conversation, ConversationEvent>,
): void {
  for (const { type, data, at } of events) {
    if (type !== 'GenerationFinalized') continue;
    const { generationId: generation, attempt, error } = data;
    const asked = replyOf(state, generation);
    const end = countedEnd(asked, data, at);
    meter.generationEnded(end);
    const errorKind = error?.kind ?? null;
    tracer?.generationEnded({ generation, conversation, asked, askedAt: asked.at, end, attempt, errorKind });
  }
}

/** The labels, in the terms of a run. */
function countedEnd({ prompt }: Reply, result: GenerationFinalized, at: string): GenerationEnd {
  const { status, attempt, usage, cost, ttftMs, durationMs } = endOf(result, at);
  return {
    ...{ status, model: prompt?.model ?? null, ttftMs, durationMs: attempt === null ? null : durationMs },
    promptTokens: tokensIn(usage?.promptTokens),
    completionTokens: tokensIn(usage?.completionTokens),
    cost,
  };
}

/** A provider may report any number. No generation has more tokens, and one wrong number would spoil every sum. */
const tokensIn = (count: number | undefined): number | null =>
  count !== undefined && count <= limits.tokenBudgetMax ? count : null;
