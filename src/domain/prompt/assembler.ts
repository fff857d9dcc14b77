import type { ConversationEvent } from '../../events/conversation-events.js';
import { openAiChat1 } from '../../formats/openai-chat-1.js';
import { formatOf } from '../../formats/recorded-formats.js';
import type { PathEntry, PromptTexts } from './prompt-texts.js';

export type PromptAssembledData = Extract<ConversationEvent, { type: 'PromptAssembled' }>['data'];

/** The version of the rules by which nodes of the path enter a prompt. They depend on no provider. */
export interface Assembler {
  /** The reason why a node does not enter the prompt. Undefined if it enters. */
  whyLeftOut(entry: PathEntry): 'error' | 'empty' | undefined;
}

/** All versions that ever recorded a prompt. They never change. */
const versions: ReadonlyMap<number, Assembler> = new Map([
  [
    1,
    {
      // A cancelled reply with text enters, because the user has seen it. A message always enters.
      whyLeftOut({ status, text }) {
        if (status === 'error') return 'error';
        return status !== undefined && text === '' ? 'empty' : undefined;
      },
    },
  ],
]);

/** The version that assembles new prompts. */
export const ASSEMBLER = 1;

/** The format of new prompts. Every provider accepts it. */
export const FORMAT = openAiChat1;

export function assemblerOf(version: number): Assembler {
  const assembler = versions.get(version);
  if (!assembler) throw new Error(`assembler ${version} is not known here: a later version recorded this prompt`);
  return assembler;
}

/** The fields of a prompt from which its body is rendered. */
export type RecordedBody = Pick<PromptAssembledData, 'assembler' | 'format' | 'parts'>;

/** Renders the exact body again from the record and the texts in events. */
export function renderPrompt({ assembler, format, parts }: RecordedBody, texts: PromptTexts): string {
  const { whyLeftOut } = assemblerOf(assembler);
  return formatOf(format).render(parts, {
    text: (source) => texts.text(source),
    messages: (from, to) => texts.path(from, to).filter((entry) => whyLeftOut(entry) === undefined),
  });
}
