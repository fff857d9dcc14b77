// Feeds, and nothing else: `raw` writes each event to each client, `ours` is the product's way to the socket from what a
// subscription to the log brings.
// A process of its own that gets its work on standard input: how many events, and to how many conversations in turn.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import Fastify from 'fastify';
import { systemClock } from '../../../dist/adapters/system/system-clock.js';
import { ConversationFeeds } from '../../../dist/http/conversation-feeds.js';
import { FeedPlaces } from '../../../dist/http/feed-places.js';
import { Shown } from '../../../dist/projections/queries/shown.js';
import { ConversationReader } from '../../../dist/sse/conversation-reader.js';
import { FeedSource } from '../../../dist/sse/feed-source.js';
import { LiveEvents } from '../../../dist/sse/live-events.js';
import { OpenStreams } from '../../../dist/sse/open-streams.js';
import { codec } from '../events.mjs';
import { LiveLog } from './live-log.mjs';

const TEXT = 'x'.repeat(180);
const PRINCIPAL = { tenant: 'default', user: 'ada', role: 'admin', keyId: 'k' };
const [kind, conversations] = [process.argv[2], Number(process.argv[3])];
const idOf = (nth) => `00000000-0000-4000-8000-${String(nth % conversations).padStart(12, '0')}`;

const { listen, send } = kind === 'raw' ? raw() : await ours();
const port = await listen();
process.stdout.write(`address  http://127.0.0.1:${port}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'memory') {
    global.gc?.();
    process.stdout.write(`${JSON.stringify({ rss: process.memoryUsage().rss })}\n`);
  } else {
    await send(Number(line));
    process.stdout.write(`${JSON.stringify({ sent: Number(line), cpu: process.cpuUsage() })}\n`);
  }
}

/** One write for each event and client, of a buffer that is made once. */
function raw() {
  const clients = new Map();
  const server = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    const id = request.url.slice('/feed/'.length);
    clients.set(id, (clients.get(id) ?? new Set()).add(response));
    response.on('close', () => clients.get(id).delete(response));
  });
  return {
    listen: () => new Promise((resolve) => server.listen(0, '127.0.0.1', 4096, () => resolve(server.address().port))),
    async send(events) {
      for (let nth = 0; nth < events; nth++) {
        const data = JSON.stringify({ title: TEXT, at: new Date().toISOString() });
        const frame = Buffer.from(`id: ${nth}:0\nevent: conversation-renamed\ndata: ${data}\n\n`);
        for (const response of clients.get(idOf(nth)) ?? []) response.write(frame);
        if (nth % conversations === conversations - 1) await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

async function ours() {
  const log = new LiveLog();
  const fail = (error) => {
    throw error;
  };
  const health = { failed: (_, error) => fail(error), recovered: () => {} };
  const live = new LiveEvents({ log, codec, clock: systemClock, health, onDamage: fail });
  const streams = new OpenStreams({ isValid: async () => true });
  const heads = { current: async () => ({ state: undefined }) };
  const reader = new ConversationReader({ log, codec, heads });
  const source = new FeedSource({ log, codec, live });
  const views = { requireReadable: async () => {}, view: async () => ({ cursor: '0:0' }) };
  const feeds = new ConversationFeeds({
    views,
    reader,
    source,
    streams,
    places: new FeedPlaces(1e9),
    shown: new Shown(),
  });
  const server = Fastify();
  server.get('/feed/:id', (request, reply) => feeds.serve(reply, PRINCIPAL, request.params.id));
  await live.start();
  return {
    async listen() {
      await server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
      return server.server.address().port;
    },
    async send(events) {
      for (let nth = 0; nth < events; nth++) {
        log.publish(idOf(nth), JSON.stringify({ title: TEXT }), new Date().toISOString());
        if (nth % conversations === conversations - 1) await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}
