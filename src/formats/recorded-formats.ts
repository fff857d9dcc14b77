import type { BodyFormat } from './body-format.js';
import { openAiChat1 } from './openai-chat-1.js';

/** Version 1 of PromptAssembled names no format: the version of the assembler implies it. An entry is never removed. */
const formats: ReadonlyMap<number, BodyFormat> = new Map([[1, openAiChat1]]);

export function formatOf(assembler: number): BodyFormat {
  const format = formats.get(assembler);
  if (!format) throw new Error(`assembler ${assembler} is not known here: a later version recorded this prompt`);
  return format;
}
