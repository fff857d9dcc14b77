import type { Conversation } from '../domain/conversation/conversation.js';
import type { Choices, Reply } from '../domain/conversation/nodes.js';
import { assembling, assemblyOf, chosenModel, type Models } from '../domain/conversation/prompting.js';
import type { Assemble, AssembledPrompt } from '../domain/conversation/queue.js';
import { choicesFor } from '../domain/conversation/settings.js';
import { replyOf } from '../domain/conversation/tree.js';
import { costOfPrompt, type PriceList } from '../domain/prices.js';
import type { Assembly } from '../domain/prompt/assemble.js';
import { Refusal } from '../domain/refusal.js';
import { type Cost, costOf } from '../domain/usage.js';
import { TerminalError } from '../ports/errors.js';
import type { TokenCounter, Tokenizer } from '../ports/token-counter.js';

/** How prompts are made from one state on: by pure functions, whose tokenizers are loaded. */
export interface PromptRule {
  readonly assemble: Assemble;
  /** Of the same prompt, everything that a preview shows. */
  readonly assembly: (state: Conversation, reply: Reply) => Assembly | Refusal;
  readonly estimatedCost: (prompt: AssembledPrompt) => Cost;
}

export class Prompts {
  constructor(
    private readonly models: Models,
    private readonly counter: TokenCounter,
    private readonly prices: PriceList,
  ) {}

  /** Loads what the usual model needs, so that the first who asks does not wait for it. */
  async warmUp(): Promise<void> {
    const usual = chosenModel(this.models, {});
    if (!(usual instanceof Refusal)) await this.counter.forModel(usual.model);
  }

  /** A choice that could never be answered is refused when it is made. */
  requireConfigured({ provider }: Choices): void {
    if (provider && !Object.hasOwn(this.models.providers, provider)) {
      throw new Refusal('provider_not_configured', { provider });
    }
  }

  /** For a turn with these options, and for all that wait: the end of one generation opens the next. */
  async ruleFor(state: Conversation, options: Choices = {}): Promise<PromptRule> {
    const asked = [options, ...state.queue.map((id) => replyOf(state, id).options)];
    const names = new Set(asked.flatMap((each) => this.modelOf(state, each)));
    const loaded = await Promise.all(
      [...names].map(async (name) => [name, await this.counter.forModel(name)] as const),
    );
    const tokenizers = new Map<string, Tokenizer>(loaded);
    const tokenizerOf = (model: string): Tokenizer => {
      const tokenizer = tokenizers.get(model);
      if (!tokenizer) throw new TerminalError(`no tokenizer was loaded for ${model}`);
      return tokenizer;
    };
    return {
      assemble: assembling(this.models, tokenizerOf),
      assembly: (ahead, reply) => assemblyOf(this.models, tokenizerOf, ahead, reply),
      estimatedCost: (prompt) => costOf(costOfPrompt(this.prices, prompt)),
    };
  }

  private modelOf(state: Conversation, options: Choices): string[] {
    const chosen = chosenModel(this.models, choicesFor(state.settings, options));
    return chosen instanceof Refusal ? [] : [chosen.model];
  }
}
