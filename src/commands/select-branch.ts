import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { selectBranch } from '../domain/conversation/branch.js';
import type { ConversationParts } from './conversation-parts.js';
import { cursorOf, handle } from './handle.js';
import { requestOf, type WritingCaller } from './origin.js';

export class SelectBranch extends Command<{ readonly cursor: string }> {
  constructor(
    readonly caller: WritingCaller,
    readonly conversation: string,
    readonly leaf: string,
  ) {
    super();
  }
}

@CommandHandler(SelectBranch)
export class SelectBranchHandler implements ICommandHandler<SelectBranch> {
  constructor(private readonly parts: ConversationParts) {}

  async execute({ caller, conversation, leaf }: SelectBranch): Promise<{ cursor: string }> {
    const request = requestOf(caller, this.parts);
    const decision = selectBranch(request.command, leaf);
    return { cursor: cursorOf(await handle(this.parts, caller, conversation, request, decision)) };
  }
}
