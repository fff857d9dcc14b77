import Fastify, { type FastifyInstance } from 'fastify';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import type { Principal } from '../../src/auth/principal.js';
import { Folds } from '../../src/commands/folds.js';
import { conversation } from '../../src/domain/conversation/conversation.js';
import type { Reader } from '../../src/domain/conversation/readers.js';
import { ConversationFeeds } from '../../src/http/conversation-feeds.js';
import { FeedPlaces } from '../../src/http/feed-places.js';
import { Sight } from '../../src/http/sight.js';
import { TurnReplies } from '../../src/http/turn-reply.js';
import { Shown } from '../../src/projections/queries/shown.js';
import { ConversationReader } from '../../src/sse/conversation-reader.js';
import { parseCursor } from '../../src/sse/cursor.js';
import { FeedSource } from '../../src/sse/feed-source.js';
import { LiveEvents } from '../../src/sse/live-events.js';
import { OpenStreams, type StreamPace } from '../../src/sse/open-streams.js';
import { MemoryEventLog } from './memory/memory-event-log.js';
import { codec } from './new-events.js';
import { RecordedHealth } from './recorded-health.js';

export const ada: Principal = { tenant: 'default', user: 'ada', role: 'member', keyId: 'k1' };

/** Counts who listens: what is not released shows. */
class CountedLiveEvents extends LiveEvents {
  listening = 0;

  override listen(...args: Parameters<LiveEvents['listen']>): () => void {
    const leave = super.listen(...args);
    this.listening += 1;
    return () => {
      this.listening -= 1;
      leave();
    };
  }
}

/** The streams on a bare server, with whatever pace and bounds a test needs. */
export interface ReadingServer {
  readonly log: MemoryEventLog;
  readonly live: CountedLiveEvents;
  readonly streams: OpenStreams;
  readonly address: string;
  readonly failures: unknown[];
  close(): Promise<void>;
}

export interface ServerOptions {
  readonly pace?: StreamPace;
  readonly perUserMax?: number;
  readonly isValid?: (principal: Principal) => Promise<boolean>;
}

export async function startReadingServer({
  pace,
  perUserMax = 100,
  isValid = async () => true,
}: ServerOptions = {}): Promise<ReadingServer> {
  const log = new MemoryEventLog();
  const live = new CountedLiveEvents({
    log,
    codec,
    clock: systemClock,
    health: new RecordedHealth(),
    onDamage: () => {},
  });
  const streams = new OpenStreams({ isValid }, pace);
  const heads = new Folds(log, codec, conversation);
  const reader = new ConversationReader({ log, codec, heads });
  const source = new FeedSource({ log, codec, live });
  // Out of the log: this server has no projections.
  const views = {
    requireReadable: async (id: string, by: Reader) => (await reader.head(id, by)).owner?.user ?? null,
    view: (id: string) => reader.view(id, ada),
  };
  const shown = new Shown();
  const failures: unknown[] = [];
  const server = Fastify();
  routes(
    server,
    new ConversationFeeds({ views, reader, source, streams, shown, places: new FeedPlaces(perUserMax) }),
    new TurnReplies({ source, streams, shown }),
  );
  server.setErrorHandler((error, _request, reply) => {
    failures.push(error);
    if (!reply.sent) void reply.status(500).send('failed');
  });
  await live.start();
  await server.listen({ port: 0, host: '127.0.0.1' });
  const { port } = server.server.address() as { port: number };
  return {
    log,
    live,
    streams,
    failures,
    address: `http://127.0.0.1:${port}`,
    async close() {
      streams.end();
      await server.close();
      await live.stop();
    },
  };
}

/** Of a reader who looks at no data of others. */
const ownSight = new Sight(ada, async () => {
  throw new Error('nothing of others is shown here');
});

type FeedRoute = { Params: { id: string }; Querystring: { after?: string } };
type TurnRoute = { Params: { id: string; generation: string; cursor: string } };

function routes(server: FastifyInstance, feeds: ConversationFeeds, turns: TurnReplies): void {
  server.get<FeedRoute>('/feed/:id', async (request, reply) => {
    const after = request.query.after === undefined ? undefined : parseCursor(request.query.after);
    await feeds.serve(reply, { principal: ada, sight: ownSight }, request.params.id, after);
  });
  server.post<TurnRoute>('/turn/:id/:generation/:cursor', async (request, reply) => {
    const { id, generation, cursor } = request.params;
    const turn = { conversation: id, generationId: generation, messageId: 'm1', cursor };
    await turns.stream(reply, ada, turn);
  });
}
