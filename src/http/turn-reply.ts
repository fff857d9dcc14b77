import type { FastifyReply, FastifyRequest } from 'fastify';
import { principalOf } from '../auth/principal.js';
import type { WritingCaller } from '../commands/origin.js';
import type { AnsweredTurn, SentMessage } from '../commands/turns.js';
import type { Shown } from '../projections/queries/shown.js';
import { cursorIn } from './cursor-parameter.js';
import type { StreamedTurn, TurnStreams } from './turn-streams.js';

/** Answers a request that starts a turn: with JSON, or with the stream of the turn if the client asked for one. */
export async function replyWithTurn(
  {
    streams,
    shown,
  }: { readonly streams: Pick<TurnStreams, 'stream' | 'listen' | 'areOpen'>; readonly shown: Pick<Shown, 'note'> },
  reply: FastifyReply,
  { caller, conversation }: { readonly caller: WritingCaller; readonly conversation: string },
  ask: () => Promise<SentMessage | AnsweredTurn>,
  /** The JSON for a client that takes no stream. */
  bodyOf: (answer: SentMessage | AnsweredTurn) => object = (answer) => answer,
): Promise<void> {
  if (!wantsStream(reply.request)) {
    const answer = await ask();
    shown.note(caller, conversation, cursorIn('cursor', answer.cursor));
    await reply.send(bodyOf(answer));
    return;
  }
  // With a key the answer may be an earlier turn, which is read from the log.
  const live = caller.idempotency ? undefined : streams.listen(conversation);
  try {
    const answer = await ask();
    shown.note(caller, conversation, cursorIn('cursor', answer.cursor));
    // A note has nothing to stream. A draining process answers with JSON: the turn is committed, although it cannot be streamed.
    if ('generationId' in answer && streams.areOpen)
      await streams.stream(reply, principalOf(reply.request), turnOf(conversation, answer), live);
    else await reply.send(bodyOf(answer));
  } finally {
    live?.leave();
  }
}

function turnOf(conversation: string, { messageId, generationId, cursor }: AnsweredTurn): StreamedTurn {
  return { conversation, messageId, generationId, cursor };
}

/** The answer of a route that sends no message: it names none. */
export const withoutMessage = ({ messageId: _, ...turn }: SentMessage | AnsweredTurn): object => turn;

// Stream only if Accept lists text/event-stream. `*/*` does not count.
export function wantsStream({ headers: { accept = '' } }: Pick<FastifyRequest, 'headers'>): boolean {
  const types = accept.split(',').map((range) => range.split(';')[0]?.trim().toLowerCase());
  return types.includes('text/event-stream');
}
