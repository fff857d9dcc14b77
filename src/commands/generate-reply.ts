import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { generate } from '../domain/conversation/turns.js';
import type { Asking, WritingCaller } from './caller.js';
import type { ConversationParts } from './conversation-parts.js';
import { handle, requestOf } from './handle.js';
import { orPreview } from './preview-prompt.js';
import { type AnsweredTurn, turnAnswer } from './turn-answer.js';

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

  async execute({ caller, conversation, message, asking }: GenerateReply): Promise<AnsweredTurn> {
    const request = requestOf(caller, this.parts);
    const asked = { ...asking, generationId: request.idOf('generation') };
    const { answer } = await handle(this.parts, caller, conversation, request, (state) =>
      this.parts.prompts.decide(state, asking.options, (rule) => {
        const decide = generate(request.command, message, asked, rule.assemble);
        return orPreview(decide, request.command.by, { answers: message, asked }, rule)(state);
      }),
    );
    return { messageId: message, ...turnAnswer(answer) };
  }
}
