import type { PromptTokenizer } from '../domain/prompt/assemble.js';
import { limits } from '../limits.js';
import type { Tokenizer } from '../ports/token-counter.js';

/** Between English and Chinese. A guess only decides which text is counted next. */
const CHARACTERS_PER_TOKEN_GUESSED = 3;

/**
 * The token counts of one decision. A decision is pure and cannot wait. A count that is neither remembered nor quick to
 * make is guessed; then a worker thread counts the text, and the decision is made again.
 */
export class CountsAtHand {
  private readonly known = new Map<string, Map<string, number>>();
  private lacking: { readonly tokenizer: Tokenizer; readonly text: string }[] = [];
  private charactersLeft: number = limits.countAtOnceCharactersMax;

  for(tokenizer: Tokenizer): PromptTokenizer {
    const { encoding, estimated, contextLimit } = tokenizer;
    const known = this.known.get(encoding) ?? new Map<string, number>();
    this.known.set(encoding, known);
    const count = (text: string) => {
      const tokens = known.get(text) ?? this.atOnce(tokenizer, text) ?? this.guess(tokenizer, text);
      known.set(text, tokens);
      return tokens;
    };
    return { encoding, estimated, contextLimit, count };
  }

  /** True if no count was guessed. Resolves after all guessed texts are counted. */
  async complete(): Promise<boolean> {
    const { lacking } = this;
    this.lacking = [];
    for (const { tokenizer, text } of lacking) {
      this.known.get(tokenizer.encoding)?.set(text, await tokenizer.countInSlices(text));
    }
    return lacking.length === 0;
  }

  private atOnce(tokenizer: Tokenizer, text: string): number | undefined {
    const remembered = tokenizer.remembered(text);
    if (remembered !== undefined || text.length > this.charactersLeft) return remembered;
    this.charactersLeft -= text.length;
    return tokenizer.count(text);
  }

  private guess(tokenizer: Tokenizer, text: string): number {
    this.lacking.push({ tokenizer, text });
    return Math.ceil(text.length / CHARACTERS_PER_TOKEN_GUESSED);
  }
}
