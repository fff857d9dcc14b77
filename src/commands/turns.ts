import { Command, CommandHandler, type ICommandHandler, type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import type { ConversationDecision } from '../domain/conversation/conversation.js';
import { type Assemble, bodyOf, leftOutOf } from '../domain/conversation/prompting.js';
import type { Cost } from '../domain/conversation/run.js';
import { replyOf } from '../domain/conversation/tree.js';
import {
  type AnswerRequest,
  type Draft,
  generate,
  type NewMessage,
  type Preview,
  preview,
  regenerate,
  send,
} from '../domain/conversation/turns.js';
import type { AssembledPrompt, Segment } from '../domain/prompt/assemble.js';
import type { LeftOutNode } from '../domain/prompt/assembler.js';
import { Refusal } from '../domain/refusal.js';
import { conversationStream, isConversationId } from '../events/conversation-events.js';
import { TerminalError } from '../ports/errors.js';
import type { ConversationParts } from './conversation-parts.js';
import { type Answer, cursorOf, type Handled, handle } from './handle.js';
import { type Caller, type Request, requestOf, type WritingCaller } from './origin.js';
import type { PromptRule } from './prompts.js';

/** The options of a caller for the requested answer. */
export type Asking = Omit<AnswerRequest, 'generationId'>;

/** The answer to the command of a turn, before its generation is claimed. */
export interface TurnAnswer {
  readonly generationId: string;
  /** Null for a queued turn: its prompt is not known yet. */
  readonly promptSha256: string | null;
  readonly status: 'queued';
  readonly cursor: string;
}

/** The answer with the id of the message. */
export type AnsweredTurn = TurnAnswer & { readonly messageId: string };

export type SentMessage = AnsweredTurn | { messageId: string; cursor: string };

/** Sends a message, or with `revises` another version of one, and requests an answer unless `asking` is null. */
export class SendMessage extends Command<SentMessage> {
  constructor(
    readonly caller: WritingCaller,
    readonly conversation: string,
    readonly message: Omit<NewMessage, 'messageId'>,
    readonly asking: Asking | null,
  ) {
    super();
  }
}

@CommandHandler(SendMessage)
export class SendMessageHandler implements ICommandHandler<SendMessage> {
  constructor(private readonly parts: ConversationParts) {}

  async execute({ caller, conversation, message, asking }: SendMessage): Promise<SentMessage> {
    const request = requestOf(caller, this.parts);
    const said = { ...message, messageId: request.idOf('message') };
    const asked = asking && { ...asking, generationId: request.idOf('generation') };
    const decision = (assemble: Assemble) => send(request.command, said, asked, assemble);
    const handled = asked
      ? await handleTurn(this.parts, { caller, conversation }, request, { message: said, asked }, decision)
      : await handle(this.parts, caller, conversation, request, (state) =>
          this.parts.prompts.decide(state, {}, ({ assemble }) => decision(assemble)(state)),
        );
    const { answer } = handled;
    if (!answer?.messageId) throw new TerminalError('a message was sent and left no event');
    const { messageId } = answer;
    return answer.generationId ? { messageId, ...turnAnswer(answer) } : { messageId, cursor: cursorOf(handled) };
  }
}

/** Requests the first answer to a message that was sent without a request for one. */
export class GenerateReply extends Command<AnsweredTurn> {
  constructor(
    readonly caller: WritingCaller,
    readonly conversation: string,
    readonly message: string,
    readonly asking: Asking,
  ) {
    super();
  }
}

@CommandHandler(GenerateReply)
export class GenerateReplyHandler implements ICommandHandler<GenerateReply> {
  constructor(private readonly parts: ConversationParts) {}

  async execute({ message, asking, ...to }: GenerateReply): Promise<AnsweredTurn> {
    const request = requestOf(to.caller, this.parts);
    const asked = { ...asking, generationId: request.idOf('generation') };
    const { answer } = await handleTurn(this.parts, to, request, { answers: message, asked }, (assemble) =>
      generate(request.command, message, asked, assemble),
    );
    return { messageId: message, ...turnAnswer(answer) };
  }
}

/** Requests another answer to the same message. */
export class Regenerate extends Command<AnsweredTurn> {
  constructor(
    readonly caller: WritingCaller,
    readonly conversation: string,
    readonly generation: string,
    readonly asking: Asking,
  ) {
    super();
  }
}

@CommandHandler(Regenerate)
export class RegenerateHandler implements ICommandHandler<Regenerate> {
  constructor(private readonly parts: ConversationParts) {}

  async execute({ generation, asking, ...to }: Regenerate): Promise<AnsweredTurn> {
    const request = requestOf(to.caller, this.parts);
    const asked = { ...asking, generationId: request.idOf('generation') };
    const { answer, state, ...handled } = await handleTurn(
      this.parts,
      to,
      request,
      { regenerates: generation, asked },
      (assemble) => regenerate(request.command, generation, asked, assemble),
    );
    const stream = conversationStream(handled.conversation);
    const { parent } = await this.parts.conversations.whenLoaded(stream, () => replyOf(state, generation));
    return { messageId: parent, ...turnAnswer(answer) };
  }
}

/**
 * Handles a command that requests an answer. A turn whose prompt is not the expected one is refused, and the refusal holds a
 * preview over the same state.
 */
function handleTurn(
  parts: ConversationParts,
  { caller, conversation }: Pick<SendMessage, 'caller' | 'conversation'>,
  request: Request,
  draft: Draft,
  decision: (assemble: Assemble) => ConversationDecision,
): Promise<Handled> {
  return handle(parts, caller, conversation, request, (state) =>
    parts.prompts.decide(state, draft.asked.options, (rule) => {
      try {
        return decision(rule.assemble)(state);
      } catch (error) {
        if (!(error instanceof Refusal) || error.code !== 'prompt_changed') throw error;
        const changed = preview(request.command.by, draft, rule.assemble)(state);
        throw new Refusal('prompt_changed', { preview: previewOf(changed, draft, rule) });
      }
    }),
  );
}

function turnAnswer(answer: Answer | undefined): TurnAnswer {
  if (!answer?.generationId) throw new TerminalError('a turn was asked for and left no generation');
  const { generationId, promptSha256, seen } = answer;
  return { generationId, promptSha256, status: 'queued', cursor: `${seen}:0` };
}

/** The prompt that a turn would have. */
export interface PromptPreview {
  readonly promptSha256: string;
  /** The request body for the provider. */
  readonly body: string;
  readonly request: unknown;
  readonly segments: readonly Segment[];
  readonly tokens: Omit<AssembledPrompt['tokens'], 'encoding'>;
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
    const stream = conversationStream(conversation);
    const { state } = await conversations.current(stream);
    const asked = { ...asking, generationId: ids.random() };
    const draft: Draft =
      'message' in subject
        ? { message: { ...subject.message, messageId: ids.random() }, asked }
        : { ...subject, asked };
    return conversations.whenLoaded(stream, () =>
      prompts.decide(state, asking.options, (rule) =>
        previewOf(preview(caller, draft, rule.assemble)(state), draft, rule),
      ),
    );
  }
}

function previewOf({ prompt, state }: Preview, draft: Draft, rule: PromptRule): PromptPreview {
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
    trimmed: leftOutOf(state, { ...prompt, messageId: reply.parent }),
    estimatedCost: rule.estimatedCost(prompt),
  };
}

/** A placeholder, because a message that is not sent has no id. */
function known({ id, ...segment }: Segment, draft: Draft): Segment {
  const isDrafted = 'message' in draft && segment.from === 'you';
  return id === undefined || isDrafted ? segment : { ...segment, id };
}
