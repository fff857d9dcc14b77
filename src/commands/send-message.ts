import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { type NewMessage, send } from '../domain/conversation/turns.js';
import { TerminalError } from '../ports/errors.js';
import type { Asking, WritingCaller } from './caller.js';
import type { ConversationParts } from './conversation-parts.js';
import { cursorOf, handle, requestOf } from './handle.js';
import { orPreview } from './preview-prompt.js';
import { type TurnAnswer, turnAnswer } from './turn-answer.js';

export type SentMessage = ({ readonly messageId: string } & TurnAnswer) | { messageId: string; cursor: string };

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
    const handled = await handle(this.parts, caller, conversation, request, (state) =>
      this.parts.prompts.decide(state, asking?.options ?? {}, (rule) => {
        const decide = send(request.command, said, asked, rule.assemble);
        return asked ? orPreview(decide, request.command.by, { message: said, asked }, rule)(state) : decide(state);
      }),
    );
    const { answer } = handled;
    if (!answer?.messageId) throw new TerminalError('a message was sent and left no event');
    const { messageId } = answer;
    return answer.generationId ? { messageId, ...turnAnswer(answer) } : { messageId, cursor: cursorOf(handled) };
  }
}
