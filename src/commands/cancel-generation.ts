import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { requestCancel } from '../domain/conversation/endings.js';
import { type GenerationFinalized, replyOf } from '../domain/conversation/tree.js';
import type { WritingCaller } from './caller.js';
import type { ConversationParts } from './conversation-parts.js';
import { cursorOf, handle, requestOf } from './handle.js';

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
    const { result } = replyOf(handled.state, generation);
    const cursor = cursorOf(handled);
    return result && !handled.answer ? { cursor, status: result.status } : { cursor };
  }
}
