import { type Assembly, assemblePrompt, type PromptDraft } from '../prompt/assemble.js';
import { type RecordedBody, renderPrompt } from '../prompt/assembler.js';
import type { PromptTokenizer } from '../prompt/budget.js';
import type { PathEntry, PromptTexts } from '../prompt/prompt-texts.js';
import { Refusal } from '../refusal.js';
import type { Conversation } from './conversation.js';
import type { Choices, PromptAssembled, Reply } from './nodes.js';
import type { Assemble } from './queue.js';
import { choicesFor, newerChoiceNames } from './settings.js';
import { pathBack, pathTo } from './tree.js';
import { entryOf, WalkedPath } from './walked-path.js';

/** The defaults for turns without a choice, and the providers and models that can be chosen. */
export interface Models {
  readonly provider: string;
  /** The default model for every provider. Null: each has its own. */
  readonly model: string | null;
  /** The configured providers with their default models. Null: the provider has none. */
  readonly providers: Readonly<Record<string, string | null>>;
}

export type TokenizerOf = (model: string) => PromptTokenizer;

/** Makes the prompt of a generation in a state, for a preview and for a turn. */
export function assembling(models: Models, tokenizerOf: TokenizerOf): Assemble {
  return (state, reply) => {
    const assembly = assemblyOf(models, tokenizerOf, state, reply);
    if (assembly instanceof Refusal) return assembly;
    if (assembly.ok) return assembly.prompt;
    return 'newer' in assembly
      ? new Refusal('newer_content', { node: assembly.newer })
      : new Refusal('prompt_over_budget', { tokens: assembly.overBudget });
  };
}

/** The same prompt with everything that a preview shows. */
export function assemblyOf(
  models: Models,
  tokenizerOf: TokenizerOf,
  state: Conversation,
  reply: Reply,
): Assembly | Refusal {
  const choices = choicesFor(state.settings, reply.options);
  const setting = newerChoiceNames.find((name) => choices[name] !== null);
  if (setting) return new Refusal('newer_content', { setting });
  const chosen = chosenModel(models, choices);
  if (chosen instanceof Refusal) return chosen;
  const newest = state.nodes.get(reply.parent);
  if (!newest) return new Refusal('message_not_found');
  const { system } = state.settings;
  const draft: PromptDraft = {
    ...chosen,
    params: choices.params ?? {},
    tokenBudget: choices.tokenBudget,
    tokenizer: tokenizerOf(chosen.model),
    system: system && { text: system.text, source: { event: system.event, pointer: 'data/system' } },
    path: new WalkedPath(state, newest.parent),
    newest: entryOf(newest),
  };
  return assemblePrompt(draft);
}

export function chosenModel(models: Models, choices: Choices): { provider: string; model: string } | Refusal {
  const provider = choices.provider ?? models.provider;
  if (!Object.hasOwn(models.providers, provider)) return new Refusal('provider_not_configured', { provider });
  const model = choices.model ?? models.model ?? models.providers[provider];
  return model ? { provider, model } : new Refusal('provider_not_configured', { provider, missing: 'model' });
}

/** Renders the exact body of a recorded prompt again, from the texts to which it refers. */
export function bodyOf(state: Conversation, prompt: RecordedBody): string {
  return renderPrompt(prompt, textsFor(state));
}

/** The path of a recorded prompt, with the nodes that it kept and left out. */
export const pathOfPrompt = (
  state: Conversation,
  { messageId }: Pick<PromptAssembled, 'messageId'>,
): readonly PathEntry[] => pathTo(state, messageId).map(entryOf);

function textsFor(state: Conversation): PromptTexts {
  return {
    text: ({ event }) => state.systemTexts.get(event) ?? '',
    path: (from, to) => stretch(state, from, to),
  };
}

function stretch(state: Conversation, from: string, to: string): readonly PathEntry[] {
  const newestFirst: PathEntry[] = [];
  for (const node of pathBack(state, to)) {
    newestFirst.push(entryOf(node));
    if (node.id === from) break;
  }
  return newestFirst.reverse();
}
