import type { FastifyReply } from 'fastify';
import type { Principal } from '../auth/principal.js';
import type { ConversationViews } from '../projections/messages/query.js';
import type { Shown } from '../projections/queries/shown.js';
import type { ToldEvent } from '../sse/conversation-history.js';
import type { ConversationReader } from '../sse/conversation-reader.js';
import type { Cursor } from '../sse/cursor.js';
import { frameOf, snapshotFrame } from '../sse/event-frames.js';
import type { EventStream } from '../sse/event-stream.js';
import type { FeedSource } from '../sse/feed-source.js';
import type { OpenStreams } from '../sse/open-streams.js';
import { pour } from '../sse/pour.js';
import { cursorIn } from './cursor-parameter.js';
import type { FeedPlaces } from './feed-places.js';

export interface FeedParts {
  readonly views: Pick<ConversationViews, 'requireReadable' | 'view'>;
  readonly reader: Pick<ConversationReader, 'requireReached'>;
  readonly source: FeedSource;
  readonly streams: OpenStreams;
  readonly places: FeedPlaces;
  readonly shown: Pick<Shown, 'note' | 'ledgerOf'>;
}

/** Conversations as they go on, for whoever may read them. */
export class ConversationFeeds {
  constructor(private readonly parts: FeedParts) {}

  /** From after a cursor, or with a snapshot first. Lasts as long as the client stays; refusals come before the head. */
  async serve(reply: FastifyReply, principal: Principal, conversation: string, after?: Cursor): Promise<void> {
    const leave = this.parts.places.enter(principal);
    try {
      const start = await this.startOf(conversation, principal, after);
      const stream = this.parts.streams.open(reply, principal);
      if (start.snapshot) stream.writeExcepted(start.snapshot);
      await pour(stream, this.frames(conversation, start.from, stream, principal));
    } finally {
      leave();
    }
  }

  /** Everything that could refuse this client, and no more. */
  async check(principal: Principal, conversation: string, after?: Cursor): Promise<void> {
    await this.parts.views.requireReadable(conversation, principal);
    if (after) await this.parts.reader.requireReached(conversation, after);
  }

  private async startOf(
    conversation: string,
    principal: Principal,
    after: Cursor | undefined,
  ): Promise<{ from: Cursor; snapshot?: Buffer }> {
    if (after) {
      await this.check(principal, conversation, after);
      return { from: after };
    }
    await this.parts.views.requireReadable(conversation, principal);
    const { views, shown } = this.parts;
    const view = await views.view(conversation, { shown: shown.ledgerOf(principal, conversation) });
    const from = cursorIn('cursor', view.cursor);
    shown.note(principal, conversation, from);
    return { from, snapshot: snapshotFrame(view) };
  }

  private async *frames(
    conversation: string,
    from: Cursor,
    stream: EventStream,
    principal: Principal,
  ): AsyncIterable<Buffer> {
    const shownFrame = (told: ToldEvent): Buffer => {
      if (!isInNoList(told.event)) this.parts.shown.note(principal, conversation, told.cursor);
      return frameOf(told);
    };
    const feed = this.parts.source.feed(conversation, {
      waiting: (bytes) => stream.awaits(bytes),
      takeNow: (told) => {
        if (stream.isFull) return false;
        stream.write(shownFrame(told()));
        return true;
      },
    });
    // A large snapshot is taken before anything more is read for this client.
    if (stream.isFull) await stream.room();
    for await (const told of feed.from(from, stream.over)) yield shownFrame(told);
  }
}

/** The growing answer, which is most of what a feed tells. */
const isInNoList = ({ type }: ToldEvent['event']): boolean => type === 'DeltaReceived' || type === 'AttemptEnded';
