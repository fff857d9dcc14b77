import type { FastifyReply } from 'fastify';
import type { Principal } from '../auth/principal.js';
import { conversationStream, generationStream } from '../domain/streams.js';
import { TerminalError } from '../ports/errors.js';
import type { Shown } from '../projections/queries/shown.js';
import type { FeedEvent } from '../sse/conversation-history.js';
import type { Cursor } from '../sse/cursor.js';
import { type EventStream, pour } from '../sse/event-stream.js';
import type { FeedSource } from '../sse/feed-source.js';
import type { LiveTurn } from '../sse/live-turn.js';
import type { OpenStreams } from '../sse/open-streams.js';
import { turnFrameOf } from '../sse/turn-events.js';
import { cursorIn } from './cursor-parameter.js';

/** The ids of one turn, from the answer of its command. */
export interface StreamedTurn {
  readonly conversation: string;
  /** The message that the generation answers. */
  readonly messageId: string;
  readonly generationId: string;
  /** The cursor after the command. All events of the generation come after it. */
  readonly cursor: string;
}

/** Streams one turn to a client, token by token. A turn that has ended is streamed again from the log. */
export class TurnStreams {
  constructor(
    private readonly parts: {
      readonly source: FeedSource;
      readonly streams: OpenStreams;
      readonly shown: Pick<Shown, 'note'>;
    },
  ) {}

  /** False while the process drains: then a turn is answered with JSON. */
  get areOpen(): boolean {
    return !this.parts.streams.isDraining;
  }

  /** Subscribe before sending the command, so that the turn streams without reading the log. */
  listen(conversation: string): LiveTurn {
    return this.parts.source.listen(conversation);
  }

  /** Resolves when the turn has ended or the client has left. The generation continues without the client. */
  async stream(reply: FastifyReply, principal: Principal, turn: StreamedTurn, live?: LiveTurn): Promise<void> {
    const stream = this.parts.streams.open(reply, principal, {
      'verbatim-message-id': turn.messageId,
      'verbatim-generation-id': turn.generationId,
    });
    const onShown = (place: Cursor) => this.parts.shown.note(principal, turn.conversation, place);
    await pour(stream, this.frames(turn, stream, onShown, live));
  }

  private async *frames(
    turn: StreamedTurn,
    stream: EventStream,
    onShown: (place: Cursor) => void,
    live?: LiveTurn,
  ): AsyncIterable<Buffer> {
    const ledgerStream = conversationStream(turn.conversation);
    const tapeStream = generationStream(turn.generationId);
    let { ledger } = cursorIn('cursor', turn.cursor);
    let taped = 0;
    const onWaiting = (waiting: number) => stream.awaits(waiting);
    const events = live?.events(stream.over, onWaiting) ?? this.fromHistory(turn, stream, onWaiting);
    for await (const event of events) {
      if (event.stream === tapeStream) {
        // Fail rather than show an answer that lacks a piece.
        if (event.revision > taped) throw new TerminalError(`event ${taped} of ${tapeStream} was not received`);
        taped = event.revision + 1;
      }
      if (event.stream === ledgerStream) ledger = Math.max(ledger, event.revision + 1);
      const frame = turnFrameOf(event, turn.generationId);
      if (!frame) continue;
      // Lists show that a generation was claimed, but not its single tokens: 1 is enough for all of them.
      onShown({ ledger, tape: frame.isLast ? 0 : 1 });
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
