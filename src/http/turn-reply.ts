import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Principal, principalOf } from '../auth/principal.js';
import type { WritingCaller } from '../commands/origin.js';
import type { AnsweredTurn, SentMessage } from '../commands/turns.js';
import type { Shown } from '../projections/queries/shown.js';
import type { FeedEvent } from '../sse/conversation-history.js';
import { cursorIn } from '../sse/cursor.js';
import { type StreamedTurn, TurnFrames } from '../sse/event-frames.js';
import { type EventStream, pour } from '../sse/event-stream.js';
import type { FeedSource, LiveTurn } from '../sse/feed-source.js';
import type { OpenStreams } from '../sse/open-streams.js';

type Answered = SentMessage | AnsweredTurn;

/** Answers requests that start a turn: with JSON, or with the stream of the turn if the client asked for one. */
export class TurnReplies {
  constructor(
    private readonly parts: {
      readonly source: FeedSource;
      readonly streams: OpenStreams;
      readonly shown: Pick<Shown, 'note'>;
    },
  ) {}

  async reply(
    reply: FastifyReply,
    { caller, conversation }: { readonly caller: WritingCaller; readonly conversation: string },
    ask: () => Promise<Answered>,
    /** The JSON for a client that takes no stream. */
    bodyOf: (answer: Answered) => object = (answer) => answer,
  ): Promise<void> {
    const { source, streams, shown } = this.parts;
    const isStreamed = wantsStream(reply.request);
    // Subscribe before sending the command, so that the turn streams without reading the log. With a key the answer may be an
    // earlier turn, which is read from the log.
    const live = isStreamed && !caller.idempotency ? source.listen(conversation) : undefined;
    try {
      const answer = await ask();
      shown.note(caller, conversation, cursorIn('cursor', answer.cursor));
      // A note has nothing to stream. A draining process answers with JSON: the turn is committed, although it cannot be streamed.
      if (isStreamed && 'generationId' in answer && !streams.isDraining)
        await this.stream(reply, principalOf(reply.request), { conversation, ...answer }, live);
      else await reply.send(bodyOf(answer));
    } finally {
      live?.leave();
    }
  }

  /**
   * Streams one turn to a client, token by token. A turn that has ended is streamed again from the log. Resolves when the turn
   * has ended or the client has left. The generation continues without the client.
   */
  async stream(reply: FastifyReply, principal: Principal, turn: StreamedTurn, live?: LiveTurn): Promise<void> {
    const stream = this.parts.streams.open(reply, principal, {
      'verbatim-message-id': turn.messageId,
      'verbatim-generation-id': turn.generationId,
    });
    await pour(stream, this.frames(turn, stream, live));
  }

  private async *frames(turn: StreamedTurn, stream: EventStream, live?: LiveTurn): AsyncIterable<Buffer> {
    const frames = new TurnFrames(turn);
    const onWaiting = (waiting: number) => stream.awaits(waiting);
    const events = live?.events(stream.over, onWaiting) ?? this.fromHistory(turn, stream, onWaiting);
    for await (const event of events) {
      const frame = frames.of(event);
      if (!frame) continue;
      this.parts.shown.note(stream.principal, turn.conversation, frame.place);
      yield frame.bytes;
      if (frame.isLast) return;
    }
  }

  private async *fromHistory(
    { conversation, cursor }: StreamedTurn,
    stream: EventStream,
    onWaiting: (bytes: number) => void,
  ): AsyncIterable<FeedEvent['event']> {
    const feed = this.parts.source.feed(conversation, { waiting: onWaiting });
    for await (const { event } of feed.from(cursorIn('cursor', cursor), stream.over)) yield event;
  }
}

/** The answer of a route that sends no message: it names none. */
export const withoutMessage = ({ messageId: _, ...turn }: Answered): object => turn;

// Stream only if Accept lists text/event-stream. `*/*` does not count.
function wantsStream({ headers: { accept = '' } }: Pick<FastifyRequest, 'headers'>): boolean {
  const types = accept.split(',').map((range) => range.split(';')[0]?.trim().toLowerCase());
  return types.includes('text/event-stream');
}
