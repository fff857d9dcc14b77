import type { FastifyReply } from 'fastify';
import type { Principal } from '../auth/principal.js';
import type { Shown } from '../projections/queries/shown.js';
import { InvalidCursor } from '../sse/cursor.js';
import { pour } from '../sse/event-stream.js';
import type { FeedSource } from '../sse/feed-source.js';
import type { OpenStreams } from '../sse/open-streams.js';
import type { RunFeed } from '../sse/run-feed.js';
import type { FeedViewer } from './conversation-feeds.js';
import type { FeedPlaces } from './feed-places.js';

type RunPosition = Parameters<RunFeed['from']>[0];

/** Serves the feed of runs. */
export class RunFeeds {
  constructor(
    private readonly parts: {
      readonly source: FeedSource;
      readonly streams: OpenStreams;
      readonly places: FeedPlaces;
      readonly shown: Pick<Shown, 'note'>;
    },
  ) {}

  /** The position in a parameter or header. Throws InvalidCursor for any other text. */
  placeIn(path: string, text: string | undefined): RunPosition | undefined {
    const place = text === undefined ? undefined : this.parts.source.positionIn(text);
    if (text !== undefined && place === undefined) throw new InvalidCursor(path);
    return place;
  }

  /** Makes the checks of `serve` that can refuse a client. */
  async check({ principal, sight }: FeedViewer, after: RunPosition | undefined): Promise<void> {
    await this.parts.source.runs(principal).begin(after);
    await sight.of(lookAtRunsOf(principal));
  }

  async serve(reply: FastifyReply, { principal, sight }: FeedViewer, after: RunPosition | undefined): Promise<void> {
    const leave = this.parts.places.enter(principal);
    try {
      // The feed needs this callback before its stream is open. No event arrives before that.
      const waiting = { report: (_: number): void => {} };
      const feed = this.parts.source.runs(principal, {
        waiting: (bytes) => waiting.report(bytes),
        sent: (conversation, place) => this.parts.shown.note(principal, conversation, place),
      });
      const from = await feed.begin(after);
      await sight.of(lookAtRunsOf(principal));
      const stream = this.parts.streams.open(reply, principal);
      waiting.report = (bytes) => stream.awaits(bytes);
      await pour(stream, feed.from(from, stream.over));
    } finally {
      leave();
    }
  }
}

const lookAtRunsOf = ({ tenant }: Principal) =>
  ({ what: 'run_feed', objects: [{ kind: 'runs', id: tenant }] }) as const;
