import type { ConversationEvent } from '../events/conversation-events.js';
import type { ParamTable } from './param-rules.js';

export type PromptPart = Extract<ConversationEvent, { type: 'PromptAssembled' }>['data']['parts'][number];

/** The place of a recorded text: an event, and a pointer into it. */
export interface TextSource {
  readonly event: string;
  readonly pointer: string;
}

/** A prompt in no provider's terms. It refers to its texts and holds none of them. */
export interface NeutralPrompt {
  readonly model: string;
  readonly system: TextSource | undefined;
  /** The first and the last node of the path. */
  readonly path: { readonly from: string; readonly to: string };
  /** In the order in which the body has them. */
  readonly params: readonly (readonly [name: string, value: unknown])[];
}

/** The texts to which the parts of a prompt refer. */
export interface BodyTexts {
  text(source: TextSource): string;
  /** The messages between two nodes of the path that enter the prompt, oldest first. */
  messages(from: string, to: string): readonly { readonly role: 'user' | 'assistant'; readonly text: string }[];
}

/** How one provider's request body is written. A released version never changes: recorded hashes depend on it. */
export interface BodyFormat {
  /** As a prompt records it. */
  readonly name: string;
  /** The settings that it can write. */
  readonly params: ParamTable;
  /** The maximum length of an answer by these settings. Undefined if they name none. */
  answerTokensIn(params: Readonly<Record<string, unknown>>): number | undefined;
  /** Where a body goes, below the base address of a provider. */
  readonly request: { readonly path: string };
  /** The concatenation of the rendered parts is the body. The path is one part, so a turn costs the log always the same. */
  partsOf(prompt: NeutralPrompt): PromptPart[];
  render(parts: readonly PromptPart[], texts: BodyTexts): string;
}
