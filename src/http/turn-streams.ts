import type { FastifyReply } from 'fastify';
import type { Principal } from '../auth/principal.js';
import type { ToldEvent } from '../sse/conversation-history.js';
import type { FeedSource } from '../sse/feed-source.js';
import type { LiveTurn } from '../sse/live-turn.js';
import { turnFrameOf } from '../sse/turn-events.js';
import { cursorIn } from './cursor-parameter.js';
import type { EventStream } from './event-stream.js';
import type { OpenStreams } from './open-streams.js';
import { pour } from './pour.js';

/** One turn that was asked for, as its command answered. */
export interface StreamedTurn {
  readonly conversation: string;
  /** The one that is answered. */
  readonly messageId: string;
  readonly generationId: string;
  /** At which what was asked can be seen: everything of the generation comes after it. */
  readonly cursor: string;
}

/** Answers a request with its one turn, token by token, from the log: a turn that has ended is told the same again. */
export class TurnStreams {
  constructor(private readonly parts: { readonly source: FeedSource; readonly streams: OpenStreams }) {}

  /** Begun before a turn is asked for that nobody has asked for yet, it spares reading what the turn brings. */
  listen(conversation: string): LiveTurn {
    return this.parts.source.listen(conversation);
  }

  /** Resolves when the turn has ended or the client has left, which ends nothing but this stream. */
  async stream(reply: FastifyReply, principal: Principal, turn: StreamedTurn, heard?: LiveTurn): Promise<void> {
    const stream = this.parts.streams.open(reply, principal, {
      'verbatim-message-id': turn.messageId,
      'verbatim-generation-id': turn.generationId,
    });
    await pour(stream, this.frames(turn, stream, heard));
  }

  private async *frames(turn: StreamedTurn, stream: EventStream, heard?: LiveTurn): AsyncIterable<Buffer> {
    const onWaiting = (waiting: number) => stream.awaits(waiting);
    const events = heard?.events(stream.over, onWaiting) ?? this.fromHistory(turn, stream, onWaiting);
    for await (const event of events) {
      const frame = turnFrameOf(event, turn.generationId);
      if (frame) yield frame.bytes;
      if (frame?.isLast) return;
    }
  }

  private async *fromHistory(
    { conversation, cursor }: StreamedTurn,
    stream: EventStream,
    onWaiting: (bytes: number) => void,
  ): AsyncIterable<ToldEvent['event']> {
    const feed = this.parts.source.feed(conversation, { waiting: onWaiting });
    for await (const { event } of feed.from(cursorIn('cursor', cursor), stream.over)) yield event;
  }
}
