import type { FastifyReply, FastifyRequest } from 'fastify';
import { principalOf } from '../auth/principal.js';
import type { SentMessage } from '../commands/send-message.js';
import type { TurnAnswer } from '../commands/turn-answer.js';
import type { TurnStreams } from './turn-streams.js';

/** Answers what was asked of a model: at once, or for those who want it with the stream of that turn. */
export async function replyWithTurn(
  streams: Pick<TurnStreams, 'stream'>,
  reply: FastifyReply,
  conversation: string,
  answer: SentMessage | TurnAnswer,
): Promise<void> {
  // What asks no model has nothing to stream.
  if (!('generationId' in answer) || !wantsStream(reply.request)) {
    await reply.send(answer);
    return;
  }
  const { generationId, cursor } = answer;
  const messageId = 'messageId' in answer ? answer.messageId : null;
  await streams.stream(reply, principalOf(reply.request), { conversation, messageId, generationId, cursor });
}

/** Whoever names this type means it: those who take anything do not name it. */
export function wantsStream({ headers: { accept = '' } }: Pick<FastifyRequest, 'headers'>): boolean {
  const types = accept.split(',').map((range) => range.split(';')[0]?.trim().toLowerCase());
  return types.includes('text/event-stream');
}
