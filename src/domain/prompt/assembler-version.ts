import type { ConversationEvent } from '../../events/conversation-events.js';
import type { PathEntry, PromptTexts } from './prompt-texts.js';

export type PromptAssembledData = Extract<ConversationEvent, { type: 'PromptAssembled' }>['data'];
export type PromptPart = PromptAssembledData['parts'][number];

/** What the meaning of recorded parts depends on. Each version that ever recorded a prompt stays as it was. */
export interface AssemblerVersion {
  /** Why a node of the path does not enter the prompt; nothing when it does. */
  whyLeftOut(entry: PathEntry): 'error' | 'empty' | undefined;
  render(parts: readonly PromptPart[], texts: PromptTexts): string;
}
