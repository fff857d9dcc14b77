import type { FastifyReply } from 'fastify';
import type { Principal } from '../auth/principal.js';
import type { FeedSource } from '../sse/feed-source.js';
import { turnFrameOf } from '../sse/turn-events.js';
import { cursorIn } from './cursor-parameter.js';
import type { EventStream } from './event-stream.js';
import type { OpenStreams } from './open-streams.js';
import { pour } from './pour.js';

/** One turn that was asked for, as its command answered. */
export interface StreamedTurn {
  readonly conversation: string;
  /** Null where no message was sent with it. */
  readonly messageId: string | null;
  readonly generationId: string;
  /** At which what was asked can be seen: everything of the generation comes after it. */
  readonly cursor: string;
}

/** Answers a request with its one turn, token by token, from the log: a turn that has ended is told the same again. */
export class TurnStreams {
  constructor(private readonly parts: { readonly source: FeedSource; readonly streams: OpenStreams }) {}

  /** Resolves when the turn has ended or the client has left, which ends nothing but this stream. */
  async stream(reply: FastifyReply, principal: Principal, turn: StreamedTurn): Promise<void> {
    const stream = this.parts.streams.open(reply, principal, {
      ...(turn.messageId !== null && { 'verbatim-message-id': turn.messageId }),
      'verbatim-generation-id': turn.generationId,
    });
    await pour(stream, this.frames(turn, stream));
  }

  private async *frames(turn: StreamedTurn, stream: EventStream): AsyncIterable<Buffer> {
    const feed = this.parts.source.feed(turn.conversation, (bytes) => stream.awaits(bytes));
    for await (const { event } of feed.from(cursorIn('cursor', turn.cursor), stream.over)) {
      const frame = turnFrameOf(event, turn.generationId);
      if (frame) yield frame.bytes;
      if (frame?.isLast) return;
    }
  }
}
