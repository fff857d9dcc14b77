import type { AssemblerVersion } from './assembler-version.js';
import type { PathEntry } from './prompt-texts.js';

/**
 * The first way in which parts become a body. Recorded hashes rest on every character of it: it is never changed. Another
 * way is another version beside it.
 */
export const assembler1: AssemblerVersion = {
  whyLeftOut,

  render(parts, texts) {
    const rendered = parts.map((part) => {
      switch (part.kind) {
        case 'literal':
          return part.text;
        case 'text':
          return escaped(texts.text(part));
        case 'path':
          return messages(texts.path(part.from, part.to));
        default:
          return part satisfies never;
      }
    });
    return rendered.join('');
  },
};

/** A cancelled reply with text enters: the user has seen it. A message that was sent always does. */
function whyLeftOut({ status, text }: PathEntry): 'error' | 'empty' | undefined {
  if (status === 'error') return 'error';
  return status !== undefined && text === '' ? 'empty' : undefined;
}

function messages(path: readonly PathEntry[]): string {
  return path
    .filter((entry) => whyLeftOut(entry) === undefined)
    .map(({ role, text }) => `{"role":"${role}","content":"${escaped(text)}"}`)
    .join(',');
}

/** As JSON writes it between the quotes: lone surrogates and controls as \u escapes, so the bytes are never a guess. */
const escaped = (text: string): string => JSON.stringify(text).slice(1, -1);
