import { type BeforeApplicationShutdown, Module, type OnModuleDestroy } from '@nestjs/common';
import { PrometheusMetrics } from '../adapters/prometheus/prometheus-metrics.js';
import { Authenticator } from '../auth/authenticator.js';
import { conversationStream } from '../events/conversation-events.js';
import { AccessController } from '../http/access.controller.js';
import { CensusController } from '../http/census.controller.js';
import { ConversationFeeds } from '../http/conversation-feeds.js';
import { ConversationReadsController } from '../http/conversation-reads.controller.js';
import { ConversationsController } from '../http/conversations.controller.js';
import { FeedPlaces } from '../http/feed-places.js';
import { KeysController } from '../http/keys.controller.js';
import { ListsController } from '../http/lists.controller.js';
import { MasterKeyController } from '../http/master-key.controller.js';
import { MeController } from '../http/me.controller.js';
import { ProjectionsController } from '../http/projections.controller.js';
import { RecordController } from '../http/record.controller.js';
import { RunFeeds } from '../http/run-feeds.js';
import { RunsController } from '../http/runs.controller.js';
import { TenantsController } from '../http/tenants.controller.js';
import { TurnReplies } from '../http/turn-reply.js';
import { TurnsController } from '../http/turns.controller.js';
import { CensusReader } from '../notary/census-reader.js';
import { CosignedNotes } from '../notary/cosigned-notes.js';
import { RecordReader } from '../notary/record-reader.js';
import { Advances } from '../projections/advances.js';
import { ConversationViews } from '../projections/messages/query.js';
import { Shown } from '../projections/queries/shown.js';
import { ConversationReader, readTape } from '../sse/conversation-reader.js';
import { FeedSource } from '../sse/feed-source.js';
import { LiveEvents } from '../sse/live-events.js';
import { OpenStreams } from '../sse/open-streams.js';
import { RunReader } from '../sse/run-reader.js';
import { AccessModule } from './access.module.js';
import { BackgroundModule } from './background.module.js';
import { CONVERSATION_FOLDS, ConversationsModule } from './conversations.module.js';
import { MasterKeyModule } from './master-key.module.js';
import { PORTS } from './ports.module.js';
import { provider } from './provider.js';
import { ReadModelsModule } from './read-models.module.js';
import { TenantsModule } from './tenants.module.js';

const { log, codec, clock, work, views, record, census, cosignatures, witnesses, config } = PORTS;
const heads = CONVERSATION_FOLDS;
const feedParts = { source: FeedSource, streams: OpenStreams, places: FeedPlaces, shown: Shown };

/** The role `api`: every route below /api/v1, and the streams of this process. */
@Module({
  imports: [TenantsModule, AccessModule, MasterKeyModule, ConversationsModule, ReadModelsModule, BackgroundModule],
  controllers: [
    KeysController,
    MasterKeyController,
    MeController,
    TenantsController,
    ConversationsController,
    TurnsController,
    ProjectionsController,
    ConversationReadsController,
    ListsController,
    RunsController,
    RecordController,
    CensusController,
    AccessController,
  ],
  providers: [
    provider(OpenStreams, { keys: Authenticator, metrics: PrometheusMetrics }, ({ keys, metrics }) => {
      const streams = new OpenStreams(keys);
      metrics.gauge('sse_clients', 'Open event streams: feeds and turns.', () => streams.size);
      return streams;
    }),
    provider(ConversationReader, { log, codec, heads }, (parts) => new ConversationReader(parts)),
    provider(RecordReader, { record, log }, (parts) => new RecordReader(parts)),
    provider(CosignedNotes, { record, cosignatures, witnesses }, ({ witnesses, ...parts }) => {
      return new CosignedNotes({ ...parts, witnesses: witnesses.map(({ verifierKey }) => verifierKey) });
    }),
    provider(CensusReader, { census, record, log }, (parts) => new CensusReader(parts)),
    provider(RunReader, { log, codec, heads, work }, (parts) => new RunReader(parts)),
    provider(
      ConversationViews,
      { views, log, codec, clock, advances: Advances, folds: CONVERSATION_FOLDS, reader: ConversationReader },
      ({ folds, reader, ...parts }) =>
        new ConversationViews({
          ...parts,
          views: parts.views.messages,
          knownToHave: (id) => folds.last(conversationStream(id))?.state.seen ?? 0,
          fold: (id, looking) => reader.present(id, looking),
          readTape: (generation) => readTape(parts, generation),
        }),
    ),
    provider(FeedSource, { log, codec, live: LiveEvents }, (parts) => new FeedSource(parts)),
    provider(FeedPlaces, { config }, ({ config }) => new FeedPlaces(config.feedsPerUserMax)),
    provider(
      ConversationFeeds,
      { ...feedParts, views: ConversationViews, reader: ConversationReader },
      (parts) => new ConversationFeeds(parts),
    ),
    provider(RunFeeds, feedParts, (parts) => new RunFeeds(parts)),
    provider(TurnReplies, feedParts, (parts) => new TurnReplies(parts)),
  ],
})
export class ApiRoleModule implements OnModuleDestroy, BeforeApplicationShutdown {
  constructor(private readonly streams: OpenStreams) {}

  onModuleDestroy(): void {
    this.streams.drain();
  }

  beforeApplicationShutdown(): void {
    this.streams.end();
  }
}
