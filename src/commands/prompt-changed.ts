import type { Command, ConversationDecision } from '../domain/conversation/command.js';
import { type Draft, preview } from '../domain/conversation/turns.js';
import { Refusal } from '../domain/refusal.js';
import { previewOf } from './preview-prompt.js';
import type { PromptRule } from './prompts.js';

/** Refuses a turn whose prompt is not the expected one. The problem holds a preview over the same state. */
export function orPreview(
  decide: ConversationDecision,
  by: Command['by'],
  draft: Draft,
  rule: PromptRule,
): ConversationDecision {
  return (state) => {
    try {
      return decide(state);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'prompt_changed') throw error;
      const changed = previewOf(preview(by, draft, rule.assemble)(state), draft, rule);
      throw new Refusal('prompt_changed', { preview: changed });
    }
  };
}
