import type { FastifyReply, FastifyRequest } from 'fastify';
import { principalOf } from '../auth/principal.js';
import type { WritingCaller } from '../commands/caller.js';
import type { SentMessage } from '../commands/send-message.js';
import type { AnsweredTurn } from '../commands/turn-answer.js';
import type { Shown } from '../projections/queries/shown.js';
import { cursorIn } from './cursor-parameter.js';
import type { StreamedTurn, TurnStreams } from './turn-streams.js';

/** Answers what is asked of a model: at once, or for those who want it with the stream of that turn. */
export async function replyWithTurn(
  {
    streams,
    shown,
  }: { readonly streams: Pick<TurnStreams, 'stream' | 'listen' | 'areOpen'>; readonly shown: Pick<Shown, 'note'> },
  reply: FastifyReply,
  { caller, conversation }: { readonly caller: WritingCaller; readonly conversation: string },
  ask: () => Promise<SentMessage | AnsweredTurn>,
  /** What of it is told to those who take no stream. */
  told: (answer: SentMessage | AnsweredTurn) => object = (answer) => answer,
): Promise<void> {
  if (!wantsStream(reply.request)) {
    const answer = await ask();
    shown.note(caller, conversation, cursorIn('cursor', answer.cursor));
    await reply.send(told(answer));
    return;
  }
  // With a key it may be an earlier turn that is told again.
  const heard = caller.idempotency ? undefined : streams.listen(conversation);
  try {
    const answer = await ask();
    shown.note(caller, conversation, cursorIn('cursor', answer.cursor));
    // A note has nothing to stream. A process that drains answers what is committed, and not that it could not stream it.
    if ('generationId' in answer && streams.areOpen)
      await streams.stream(reply, principalOf(reply.request), turnOf(conversation, answer), heard);
    else await reply.send(told(answer));
  } finally {
    heard?.leave();
  }
}

function turnOf(conversation: string, { messageId, generationId, cursor }: AnsweredTurn): StreamedTurn {
  return { conversation, messageId, generationId, cursor };
}

/** Where no message is sent, none is told of. */
export const withoutMessage = ({ messageId: _, ...turn }: SentMessage | AnsweredTurn): object => turn;

/** Whoever names this type means it: those who take anything do not name it. */
export function wantsStream({ headers: { accept = '' } }: Pick<FastifyRequest, 'headers'>): boolean {
  const types = accept.split(',').map((range) => range.split(';')[0]?.trim().toLowerCase());
  return types.includes('text/event-stream');
}
