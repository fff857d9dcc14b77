import type { Conversation } from '../domain/conversation/conversation.js';
import { replyOf } from '../domain/conversation/tree.js';
import type { Origin } from './prompt-runner.js';

export const WORKER = { id: 'verbatim', kind: 'system' };
export const OPERATOR = { id: 'operator', kind: 'operator' };

/** What is done for a generation belongs to its conversation's owner, and to the trace of whoever asked for it. */
export function originOf(state: Conversation, generation: string): Origin {
  const owner = state.owner?.user;
  return { actor: WORKER, correlationId: replyOf(state, generation).correlationId, ...(owner && { owner }) };
}
