import type { ConversationEvent } from '../../events/conversation-events.js';
import { openAiChat1 } from '../../formats/openai-chat-1.js';
import { formatOf } from '../../formats/recorded-formats.js';
import type { PathEntry, PromptTexts } from './prompt-texts.js';

export type PromptAssembledData = Extract<ConversationEvent, { type: 'PromptAssembled' }>['data'];

/** The rules of a recorded prompt that are no provider's: which nodes of its path enter. */
export interface Assembler {
  /** Why a node of the path does not enter the prompt; nothing when it does. */
  whyLeftOut(entry: PathEntry): 'error' | 'empty' | undefined;
}

/** Each version that ever recorded a prompt stays as it was. */
const versions: ReadonlyMap<number, Assembler> = new Map([
  [
    1,
    {
      // A cancelled reply with text enters: the user has seen it. A message that was sent always does.
      whyLeftOut({ status, text }) {
        if (status === 'error') return 'error';
        return status !== undefined && text === '' ? 'empty' : undefined;
      },
    },
  ],
]);

/** The version that assembles new prompts. */
export const ASSEMBLER = 1;

/** The format of new prompts. Every provider reads it. */
export const FORMAT = openAiChat1;

export function assemblerOf(version: number): Assembler {
  const assembler = versions.get(version);
  if (!assembler) throw new Error(`assembler ${version} is not known here: a later version recorded this prompt`);
  return assembler;
}

/** What a prompt records of its body. */
export type RecordedBody = Pick<PromptAssembledData, 'assembler' | 'format' | 'parts'>;

/** The exact body again, from what was recorded and the texts in events. */
export function renderPrompt({ assembler, format, parts }: RecordedBody, texts: PromptTexts): string {
  const { whyLeftOut } = assemblerOf(assembler);
  return formatOf(format).render(parts, {
    text: (source) => texts.text(source),
    messages: (from, to) => texts.path(from, to).filter((entry) => whyLeftOut(entry) === undefined),
  });
}
