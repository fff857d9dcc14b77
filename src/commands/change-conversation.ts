import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { type Changes, change } from '../domain/conversation/change.js';
import type { ConversationParts } from './conversation-parts.js';
import { cursorOf, handle } from './handle.js';
import { requestOf, type WritingCaller } from './origin.js';

export class ChangeConversation extends Command<{ readonly cursor: string }> {
  constructor(
    readonly caller: WritingCaller,
    readonly conversation: string,
    readonly changes: Changes,
  ) {
    super();
  }
}

@CommandHandler(ChangeConversation)
export class ChangeConversationHandler implements ICommandHandler<ChangeConversation> {
  constructor(private readonly parts: ConversationParts) {}

  async execute({ caller, conversation, changes }: ChangeConversation): Promise<{ cursor: string }> {
    const request = requestOf(caller, this.parts);
    const decide = change(request.command, changes);
    const handled = await handle(this.parts, caller, conversation, request, (state) => {
      const events = decide(state);
      if (events.length > 0) this.parts.prompts.requireConfigured(changes);
      return events;
    });
    return { cursor: cursorOf(handled) };
  }
}
