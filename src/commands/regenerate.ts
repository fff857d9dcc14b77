import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { replyOf } from '../domain/conversation/tree.js';
import { regenerate } from '../domain/conversation/turns.js';
import type { Asking, WritingCaller } from './caller.js';
import type { ConversationParts } from './conversation-parts.js';
import { handle, requestOf } from './handle.js';
import { orPreview } from './preview-prompt.js';
import { type AnsweredTurn, turnAnswer } from './turn-answer.js';

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

  async execute({ caller, conversation, generation, asking }: Regenerate): Promise<AnsweredTurn> {
    const request = requestOf(caller, this.parts);
    const asked = { ...asking, generationId: request.idOf('generation') };
    const { answer, state: after } = await handle(this.parts, caller, conversation, request, (state) =>
      this.parts.prompts.decide(state, asking.options, (rule) => {
        const decide = regenerate(request.command, generation, asked, rule.assemble);
        return orPreview(decide, request.command.by, { regenerates: generation, asked }, rule)(state);
      }),
    );
    return { messageId: replyOf(after, generation).parent, ...turnAnswer(answer) };
  }
}
