import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { type Beginning, start } from '../domain/conversation/start.js';
import type { ConversationParts } from './conversation-parts.js';
import { cursorOf, handle } from './handle.js';
import { requestOf, type WritingCaller } from './origin.js';

export class StartConversation extends Command<{ readonly id: string; readonly cursor: string }> {
  constructor(
    readonly caller: WritingCaller,
    readonly beginning: Beginning,
  ) {
    super();
  }
}

@CommandHandler(StartConversation)
export class StartConversationHandler implements ICommandHandler<StartConversation> {
  constructor(private readonly parts: ConversationParts) {}

  async execute({ caller, beginning }: StartConversation): Promise<{ id: string; cursor: string }> {
    const request = requestOf(caller, this.parts);
    const id = request.idOf('conversation');
    const decide = start(beginning);
    const handled = await handle(this.parts, caller, id, request, (state) => {
      const events = decide(state);
      if (events.length > 0) this.parts.prompts.requireConfigured(beginning);
      return events;
    });
    return { id: handled.conversation, cursor: cursorOf(handled) };
  }
}
