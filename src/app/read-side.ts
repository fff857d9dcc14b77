import type { Provider, Type } from '@nestjs/common';
import type { PrometheusMetrics } from '../adapters/prometheus/prometheus-metrics.js';
import { Authenticator } from '../auth/authenticator.js';
import type { Codec } from '../events/codec.js';
import { ConversationFeeds } from '../http/conversation-feeds.js';
import { ConversationReadsController } from '../http/conversation-reads.controller.js';
import { FeedPlaces } from '../http/feed-places.js';
import { ListsController } from '../http/lists.controller.js';
import { OpenStreams, type StreamPace } from '../http/open-streams.js';
import { RunFeeds } from '../http/run-feeds.js';
import { RunsController } from '../http/runs.controller.js';
import { TurnStreams } from '../http/turn-streams.js';
import type { Clock } from '../ports/clock.js';
import type { EventLog } from '../ports/event-log.js';
import type { Views } from '../ports/read-models/views.js';
import type { Work } from '../ports/work.js';
import type { Advances } from '../projections/advances.js';
import { ListConversationsHandler } from '../projections/conversations/query.js';
import { ConversationViews } from '../projections/messages/query.js';
import { ListCoverage } from '../projections/queries/list-coverage.js';
import { Shown } from '../projections/queries/shown.js';
import { ListRunsHandler } from '../projections/runs/query.js';
import { SumUsageHandler } from '../projections/usage/query.js';
import { ConversationReader, type Heads } from '../sse/conversation-reader.js';
import { FeedSource } from '../sse/feed-source.js';
import type { LiveEvents } from '../sse/live-events.js';
import { readTape } from '../sse/read-folds.js';
import { RunReader } from '../sse/run-reader.js';

export interface ReadSideParts {
  readonly log: EventLog;
  readonly codec: Codec;
  /** Started before the first request, and stopped after the last stream. */
  readonly live: LiveEvents;
  readonly heads: Heads;
  readonly views: Views;
  readonly advances: Advances;
  readonly clock: Clock;
  readonly knownToHave: (conversation: string) => number;
  readonly work: Pick<Work, 'find'>;
  readonly feedsPerUserMax: number;
  readonly metrics: PrometheusMetrics;
  readonly pace?: StreamPace;
}

/** Everything that reads a conversation: its view, its feed, its runs. What it needs of the rest is named in its parts. */
export function readSide(parts: ReadSideParts): { controllers: Type[]; providers: Provider[] } {
  const reader = new ConversationReader(parts);
  const source = new FeedSource(parts);
  const views = new ConversationViews({ ...parts, readTape: (generation) => readTape(parts, generation) });
  const shown = new Shown();
  const coverage = new ListCoverage({ ...parts, shown });
  const places = new FeedPlaces(parts.feedsPerUserMax);
  const feeds = (streams: OpenStreams) => new ConversationFeeds({ views, reader, source, streams, places, shown });
  return {
    controllers: [ConversationReadsController, ListsController, RunsController],
    providers: [
      {
        provide: OpenStreams,
        useFactory: (authenticator: Authenticator) => {
          const streams = new OpenStreams(authenticator, parts.pace);
          parts.metrics.gauge('sse_clients', 'Open event streams: feeds and turns.', () => streams.size);
          return streams;
        },
        inject: [Authenticator],
      },
      { provide: ConversationReader, useValue: reader },
      { provide: ConversationViews, useValue: views },
      { provide: Shown, useValue: shown },
      { provide: ListConversationsHandler, useFactory: () => new ListConversationsHandler(parts.views, coverage) },
      { provide: ListRunsHandler, useFactory: () => new ListRunsHandler(parts.views, coverage) },
      { provide: SumUsageHandler, useFactory: () => new SumUsageHandler(parts.views, coverage) },
      { provide: RunReader, useFactory: () => new RunReader(parts) },
      { provide: ConversationFeeds, useFactory: feeds, inject: [OpenStreams] },
      {
        provide: RunFeeds,
        useFactory: (streams: OpenStreams) => new RunFeeds({ source, streams, places, shown }),
        inject: [OpenStreams],
      },
      {
        provide: TurnStreams,
        useFactory: (streams: OpenStreams) => new TurnStreams({ source, streams, shown }),
        inject: [OpenStreams],
      },
    ],
  };
}
