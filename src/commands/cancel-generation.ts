import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { requestCancel } from '../domain/conversation/endings.js';
import type { GenerationFinalized } from '../domain/conversation/nodes.js';
import { replyOf } from '../domain/conversation/tree.js';
import type { WritingCaller } from './caller.js';
import type { ConversationParts } from './conversation-parts.js';
import { cursorOf, handle, requestOf } from './handle.js';
import { sha256 } from './sha256.js';

/** Asked for, which its end may overtake. */
export interface CancelAnswer {
  /** At which the effect of the command, or the end that came first, can be seen. */
  readonly cursor: string;
  /** How it had ended when the command came too late. */
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
    const decision = requestCancel(request.command, generation, sha256);
    const handled = await handle(this.parts, caller, conversation, request, decision);
    const { result } = replyOf(handled.state, generation);
    const cursor = cursorOf(handled);
    return result && !handled.answer ? { cursor, status: result.status } : { cursor };
  }
}
