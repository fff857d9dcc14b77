import { assembler1 } from './assembler-1.js';
import type { AssemblerVersion, PromptAssembledData } from './assembler-version.js';
import type { PromptTexts } from './prompt-texts.js';

const versions: ReadonlyMap<number, AssemblerVersion> = new Map([[1, assembler1]]);

/** The version that assembles new prompts. */
export const ASSEMBLER = 1;

export function assemblerOf(version: number): AssemblerVersion {
  const assembler = versions.get(version);
  if (!assembler) throw new Error(`assembler ${version} is not known here: a later version recorded this prompt`);
  return assembler;
}

/** The exact body again, from what was recorded and the texts in events. */
export function renderPrompt(
  { assembler, parts }: Pick<PromptAssembledData, 'assembler' | 'parts'>,
  texts: PromptTexts,
): string {
  return assemblerOf(assembler).render(parts, texts);
}
