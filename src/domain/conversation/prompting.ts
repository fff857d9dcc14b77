import type { ConversationEvent } from '../../events/conversation-events.js';
import {
  type AssembledPrompt,
  type Assembly,
  assemblePrompt,
  type PromptDraft,
  type PromptTokenizer,
} from '../prompt/assemble.js';
import {
  type LeftOutNode,
  leftOutNodes,
  type Path,
  type PathEntry,
  type PromptTexts,
  type RecordedBody,
  renderPrompt,
} from '../prompt/assembler.js';
import { Refusal } from '../refusal.js';
import type { Conversation } from './conversation.js';
import { choicesFor, newerChoiceNames } from './settings.js';
import { type Choices, idsBack, type Node, type PromptAssembled, pathBack, type Reply } from './tree.js';

/** The defaults for turns without a choice, and the providers and models that can be chosen. */
export interface Models {
  readonly provider: string;
  /** The default model for every provider. Null: each has its own. */
  readonly model: string | null;
  /** The configured providers with their default models. Null: the provider has none. */
  readonly providers: Readonly<Record<string, string | null>>;
}

export type TokenizerOf = (model: string) => PromptTokenizer;

/**
 * Makes the prompt of a generation in the state, or returns the refusal. The message to answer may not be appended yet: its
 * text is found by its id on the path.
 */
export type Assemble = (state: Conversation, reply: Reply) => AssembledPrompt | Refusal;

export const promptAssembled = ({ id, parent }: Reply, prompt: AssembledPrompt): ConversationEvent => ({
  type: 'PromptAssembled',
  data: { ...prompt, generationId: id, messageId: parent, attempt: 1 },
});

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

/** The nodes that a prompt left out, with reasons, oldest first. Reads no text of those that did not fit. */
export function leftOutOf(
  state: Conversation,
  prompt: Pick<PromptAssembled, 'messageId' | 'assembler' | 'trimmed'>,
): LeftOutNode[] {
  const ids = [...idsBack(state, prompt.messageId)].reverse();
  return leftOutNodes(prompt, ids, (id) => entryOf(state.nodes.get(id) as Node));
}

function textsFor(state: Conversation): PromptTexts {
  return {
    text: ({ event }) => state.systemTexts.get(event)?.text ?? '',
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

/** The path to a node. It is walked only as far as a prompt reads it, so a long history costs a turn nothing. */
export class WalkedPath implements Path {
  readonly length: number;
  private readonly root: string | undefined;
  private readonly back: Iterator<Node>;
  private readonly newestFirst: PathEntry[] = [];

  constructor(
    private readonly state: Conversation,
    id: string | null,
  ) {
    const end = id === null ? undefined : state.nodes.place(id);
    this.length = end ? end.depth + 1 : 0;
    this.root = end?.root;
    this.back = pathBack(state, id)[Symbol.iterator]();
  }

  at(place: number): PathEntry | undefined {
    const root = place === 0 && this.root !== undefined ? this.state.nodes.get(this.root) : undefined;
    if (root) return entryOf(root);
    this.walkTo(place);
    return this.newestFirst[this.length - 1 - place];
  }

  slice(start = 0, end = this.length): PathEntry[] {
    this.walkTo(start);
    return this.newestFirst.slice(this.length - end, this.length - start).reverse();
  }

  private walkTo(place: number): void {
    while (this.newestFirst.length < this.length - place) {
      const { value, done } = this.back.next();
      if (done) return;
      this.newestFirst.push(entryOf(value));
    }
  }
}

/** A reply that has not ended has no text, so no prompt is made after it. */
export function entryOf(node: Node): PathEntry {
  const { id } = node;
  const isNewer = node.isNewer && ({ isNewer: true } as const);
  // A newer message, of any other role, enters no prompt.
  if (node.kind !== 'reply') {
    return { id, role: node.role === 'user' ? 'user' : 'assistant', text: node.text, ...isNewer };
  }
  const { text = '', status = 'error' } = node.result ?? {};
  return { id, role: 'assistant', text, status, ...isNewer };
}
