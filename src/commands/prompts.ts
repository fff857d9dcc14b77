import type { Conversation } from '../domain/conversation/conversation.js';
import { type Assemble, assembling, assemblyOf, chosenModel, type Models } from '../domain/conversation/prompting.js';
import { type Cost, costOf } from '../domain/conversation/run.js';
import { choicesFor } from '../domain/conversation/settings.js';
import { type Choices, type Reply, replyOf } from '../domain/conversation/tree.js';
import { costOfPrompt, type PriceList } from '../domain/prices.js';
import type { AssembledPrompt, Assembly, PromptTokenizer } from '../domain/prompt/assemble.js';
import { Refusal } from '../domain/refusal.js';
import { limits } from '../limits.js';
import { TerminalError } from '../ports/errors.js';
import type { TokenCounter, Tokenizer } from '../ports/token-counter.js';

/** Pure functions that make prompts from a state. Their tokenizers are loaded. */
export interface PromptRule {
  readonly assemble: Assemble;
  /** The same prompt with everything that a preview shows. */
  readonly assembly: (state: Conversation, reply: Reply) => Assembly | Refusal;
  readonly estimatedCost: (prompt: AssembledPrompt) => Cost;
}

export class Prompts {
  constructor(
    private readonly models: Models,
    private readonly counter: TokenCounter,
    private readonly prices: PriceList,
  ) {}

  /** Loads the tokenizer of the default model, so that the first turn does not wait for it. */
  async warmUp(): Promise<void> {
    const usual = chosenModel(this.models, {});
    if (!(usual instanceof Refusal)) await this.counter.forModel(usual.model);
  }

  /** Refuses a provider that is not configured, because no prompt could be sent to it. */
  requireConfigured({ provider }: Choices): void {
    if (provider && !Object.hasOwn(this.models.providers, provider)) {
      throw new Refusal('provider_not_configured', { provider });
    }
  }

  /**
   * Makes a decision on a turn with these options. The decision may open waiting turns too. It is pure, and is made again
   * until none of its token counts is a guess.
   */
  async decide<T>(state: Conversation, options: Choices, decision: (rule: PromptRule) => T): Promise<T> {
    const counts = new CountsAtHand();
    const rule = this.ruleWith(await this.tokenizersFor(state, options), counts);
    for (;;) {
      const outcome = outcomeOf(() => decision(rule));
      if (await counts.complete()) return outcome();
    }
  }

  private ruleWith(tokenizers: ReadonlyMap<string, Tokenizer>, counts: CountsAtHand): PromptRule {
    const tokenizerOf = (model: string) => {
      const tokenizer = tokenizers.get(model);
      if (!tokenizer) throw new TerminalError(`no tokenizer was loaded for ${model}`);
      return counts.for(tokenizer);
    };
    return {
      assemble: assembling(this.models, tokenizerOf),
      assembly: (ahead, reply) => assemblyOf(this.models, tokenizerOf, ahead, reply),
      estimatedCost: (prompt) => costOf(costOfPrompt(this.prices, prompt)),
    };
  }

  private async tokenizersFor(state: Conversation, options: Choices): Promise<ReadonlyMap<string, Tokenizer>> {
    const asked = [options, ...state.queue.map((id) => replyOf(state, id).options)];
    const names = new Set(asked.flatMap((each) => this.modelOf(state, each)));
    const loaded = await Promise.all(
      [...names].map(async (name) => [name, await this.counter.forModel(name)] as const),
    );
    return new Map(loaded);
  }

  private modelOf(state: Conversation, options: Choices): string[] {
    const chosen = chosenModel(this.models, choicesFor(state.settings, options));
    return chosen instanceof Refusal ? [] : [chosen.model];
  }
}

/** Makes the decision now. Each call of the result returns or throws its outcome. */
function outcomeOf<T>(decision: () => T): () => T {
  try {
    const value = decision();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/** Between English and Chinese. A guess only decides which text is counted next. */
const CHARACTERS_PER_TOKEN_GUESSED = 3;

/**
 * The token counts of one decision. A decision is pure and cannot wait. A count that is neither remembered nor quick to
 * make is guessed; then a worker thread counts the text, and the decision is made again.
 */
class CountsAtHand {
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
