import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Conversation } from '../domain/conversation/conversation.js';
import { finalizationOf, finalize, requestCancel } from '../domain/conversation/endings.js';
import { type GenerationFinalized, replyOf } from '../domain/conversation/tree.js';
import type { AttemptEnded, Tape } from '../domain/generation.js';
import { costOfAnswer } from '../domain/prices.js';
import { type ConversationEvent, conversationStream } from '../events/conversation-events.js';
import type { Job } from '../ports/work.js';
import type { ConversationParts } from './conversation-parts.js';
import { cursorOf, handle, transactConversation } from './handle.js';
import { originOf, requestOf, type WritingCaller } from './origin.js';

/** The cancel was requested, or the generation had already ended. */
export interface CancelAnswer {
  /** The cursor after the effect of the command, or after the end that came first. */
  readonly cursor: string;
  /** The status of a generation that had already ended. */
  readonly status?: GenerationFinalized['status'];
}

export class CancelGeneration extends Command<CancelAnswer> {
  constructor(
    readonly caller: WritingCaller,
    readonly conversation: string,
    readonly generation: string,
  ) {
    super();
  }
}

@CommandHandler(CancelGeneration)
export class CancelGenerationHandler implements ICommandHandler<CancelGeneration> {
  constructor(private readonly parts: ConversationParts) {}

  async execute({ caller, conversation, generation }: CancelGeneration): Promise<CancelAnswer> {
    const request = requestOf(caller, this.parts);
    const decision = requestCancel(request.command, generation);
    const handled = await handle(this.parts, caller, conversation, request, decision);
    const stream = conversationStream(handled.conversation);
    const { result } = await this.parts.conversations.whenLoaded(stream, () => replyOf(handled.state, generation));
    const cursor = cursorOf(handled);
    return result && !handled.answer ? { cursor, status: result.status } : { cursor };
  }
}

/** Finalizes a generation whose tape is sealed, and opens the next queued one. Any process may call it, more than once. */
export async function finalizeGeneration(
  parts: ConversationParts,
  { generation, conversation, tenant }: Job,
  tape: Tape,
): Promise<void> {
  const { seal } = tape;
  if (!seal) return;
  const stream = conversationStream(conversation);
  const remembered = parts.conversations.last(stream)?.state;
  let known = remembered?.open === generation ? remembered : (await parts.conversations.current(stream)).state;
  while (known.open === generation) {
    // If many queued turns end with it, this takes several appends. Each decides on the present state, so none acts twice.
    const { state } = await transactConversation(parts, {
      tenant,
      conversation,
      meta: {
        ...originOf(known, generation, parts.tracer),
        commandId: parts.ids.random(),
        causationId: seal.event,
      },
      decide: (state) => decideOn(parts, state, generation, tape),
    });
    known = state;
  }
}

async function decideOn(
  { prices, prompts }: ConversationParts,
  state: Conversation,
  generation: string,
  tape: Tape,
): Promise<readonly ConversationEvent[]> {
  if (state.open !== generation) return [];
  const { at: queuedAt, prompt } = replyOf(state, generation);
  const costOf = (end: AttemptEnded) => prompt && costOfAnswer(prices, prompt, end);
  const result = finalizationOf(tape, { generationId: generation, queuedAt, costOf });
  if (!result) return [];
  return prompts.decide(state, {}, ({ assemble }) => finalize(result, assemble)(state));
}
