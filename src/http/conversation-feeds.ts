import type { FastifyReply } from 'fastify';
import type { Principal } from '../auth/principal.js';
import type { ConversationViews } from '../projections/messages/query.js';
import type { Shown } from '../projections/queries/shown.js';
import type { FeedEvent } from '../sse/conversation-history.js';
import type { ConversationReader } from '../sse/conversation-reader.js';
import { type Cursor, cursorIn } from '../sse/cursor.js';
import { frameOf, snapshotFrame } from '../sse/event-frames.js';
import { type EventStream, pour } from '../sse/event-stream.js';
import type { FeedSource } from '../sse/feed-source.js';
import type { OpenStreams } from '../sse/open-streams.js';
import type { FeedPlaces } from './feed-places.js';
import type { Sight } from './sight.js';

export interface FeedParts {
  readonly views: Pick<ConversationViews, 'requireReadable' | 'view'>;
  readonly reader: Pick<ConversationReader, 'requireReached'>;
  readonly source: FeedSource;
  readonly streams: OpenStreams;
  readonly places: FeedPlaces;
  readonly shown: Pick<Shown, 'note' | 'ledgerOf'>;
}

/** The sender of a request, and what it may show. */
export interface FeedViewer {
  readonly principal: Principal;
  readonly sight: Sight;
}

/** Serves the feeds of conversations. */
export class ConversationFeeds {
  constructor(private readonly parts: FeedParts) {}

  /** Begins after a cursor, or with a snapshot. Refusals come before the head. Resolves when the client has left. */
  async serve(reply: FastifyReply, viewer: FeedViewer, conversation: string, after?: Cursor): Promise<void> {
    const { principal } = viewer;
    const leave = this.parts.places.enter(principal);
    try {
      const start = await this.startOf(conversation, viewer, after);
      const stream = this.parts.streams.open(reply, principal);
      if (start.snapshot) stream.writeExcepted(start.snapshot);
      await pour(stream, this.frames(conversation, start.from, stream, principal));
    } finally {
      leave();
    }
  }

  /** Makes the checks of `serve` that can refuse a client. */
  async check({ principal, sight }: FeedViewer, conversation: string, after?: Cursor): Promise<void> {
    const owner = await this.parts.views.requireReadable(conversation, principal);
    if (after) await this.parts.reader.requireReached(conversation, after);
    await sight.of(lookAt(conversation, owner));
  }

  private async startOf(
    conversation: string,
    viewer: FeedViewer,
    after: Cursor | undefined,
  ): Promise<{ from: Cursor; snapshot?: Buffer }> {
    if (after) {
      await this.check(viewer, conversation, after);
      return { from: after };
    }
    const { views, shown } = this.parts;
    const { principal, sight } = viewer;
    const owner = await views.requireReadable(conversation, principal);
    const view = await views.view(conversation, { shown: shown.ledgerOf(principal, conversation) });
    await sight.of(lookAt(conversation, owner));
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
    const shownFrame = (next: FeedEvent): Buffer => {
      if (!isInNoList(next.event)) this.parts.shown.note(principal, conversation, next.cursor);
      return frameOf(next);
    };
    const feed = this.parts.source.feed(conversation, {
      waiting: (bytes) => stream.awaits(bytes),
      takeNow: (next) => {
        if (stream.isFull) return false;
        stream.write(shownFrame(next()));
        return true;
      },
    });
    // Read no events before the client has taken a large snapshot.
    if (stream.isFull) await stream.room();
    for await (const next of feed.from(from, stream.over)) yield shownFrame(next);
  }
}

const lookAt = (id: string, owner: string | null) =>
  ({ what: 'conversation_feed', objects: [{ kind: 'conversation', id }], owner }) as const;

/** True for the events of a growing answer, which lists do not show. They are most events of a feed. */
const isInNoList = ({ type }: FeedEvent['event']): boolean => type === 'DeltaReceived' || type === 'AttemptEnded';
