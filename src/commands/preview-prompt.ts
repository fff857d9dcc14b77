import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import type { Command, ConversationDecision } from '../domain/conversation/conversation.js';
import { bodyOf, pathOfPrompt } from '../domain/conversation/prompting.js';
import type { Cost } from '../domain/conversation/run.js';
import { replyOf } from '../domain/conversation/tree.js';
import { type Draft, type NewMessage, type Preview, preview } from '../domain/conversation/turns.js';
import type { Segment } from '../domain/prompt/assemble.js';
import { type LeftOutNode, leftOutNodes } from '../domain/prompt/assembler.js';
import { Refusal } from '../domain/refusal.js';
import { conversationStream, isConversationId } from '../domain/streams.js';
import type { Asking, Caller } from './caller.js';
import type { ConversationParts } from './conversation-parts.js';
import type { PromptRule } from './prompts.js';

/** The prompt that a turn would have. */
export interface PromptPreview {
  readonly promptSha256: string;
  /** The request body for the provider. */
  readonly body: string;
  readonly request: unknown;
  readonly segments: readonly Segment[];
  readonly tokens: {
    readonly prompt: number;
    readonly budget: number;
    readonly reserved: number;
    readonly limit: number;
    readonly estimated: boolean;
  };
  readonly trimmed: readonly LeftOutNode[];
  readonly estimatedCost: Cost;
}

export type PreviewSubject =
  | { readonly message: Omit<NewMessage, 'messageId'> }
  | { readonly regenerates: string }
  | { readonly answers: string };

export class PreviewPrompt extends Query<PromptPreview> {
  constructor(
    readonly caller: Caller,
    readonly conversation: string,
    readonly subject: PreviewSubject,
    readonly asking: Asking,
  ) {
    super();
  }
}

@QueryHandler(PreviewPrompt)
export class PreviewPromptHandler implements IQueryHandler<PreviewPrompt> {
  constructor(private readonly parts: Pick<ConversationParts, 'conversations' | 'prompts' | 'ids'>) {}

  async execute({ caller, conversation, subject, asking }: PreviewPrompt): Promise<PromptPreview> {
    if (!isConversationId(conversation)) throw new Refusal('conversation_not_found');
    const { ids, prompts, conversations } = this.parts;
    const { state } = await conversations.current(conversationStream(conversation));
    const asked = { ...asking, generationId: ids.random() };
    const draft: Draft =
      'message' in subject
        ? { message: { ...subject.message, messageId: ids.random() }, asked }
        : { ...subject, asked };
    return prompts.decide(state, asking.options, (rule) =>
      previewOf(preview(caller, draft, rule.assemble)(state), draft, rule),
    );
  }
}

export function previewOf({ prompt, state }: Preview, draft: Draft, rule: PromptRule): PromptPreview {
  const reply = replyOf(state, draft.asked.generationId);
  const body = bodyOf(state, prompt);
  const shown = rule.assembly(state, reply);
  const { encoding: _, ...tokens } = prompt.tokens;
  return {
    promptSha256: prompt.sha256,
    body,
    request: JSON.parse(body),
    segments: shown instanceof Refusal || !shown.ok ? [] : shown.segments.map((segment) => known(segment, draft)),
    tokens,
    trimmed: leftOutNodes(prompt, pathOfPrompt(state, { messageId: reply.parent })),
    estimatedCost: rule.estimatedCost(prompt),
  };
}

/** A placeholder, because a message that is not sent has no id. */
function known({ id, ...segment }: Segment, draft: Draft): Segment {
  const isDrafted = 'message' in draft && segment.from === 'you';
  return id === undefined || isDrafted ? segment : { ...segment, id };
}

/** Refuses a turn whose prompt is not the expected one. The problem holds a preview over the same state. */
export function orPreview(
  decide: ConversationDecision,
  by: Command['by'],
  draft: Draft,
  rule: PromptRule,
): ConversationDecision {
  return (state) => {
    try {
      return decide(state);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'prompt_changed') throw error;
      const changed = previewOf(preview(by, draft, rule.assemble)(state), draft, rule);
      throw new Refusal('prompt_changed', { preview: changed });
    }
  };
}
