// The bare proxy with the two flushes that a recorded turn cannot do without: what was asked is committed before the provider
// is called, and what came first is committed before it goes out. It records nothing else. A process of its own, with a
// PostgreSQL of its own that has the product's settings.
import { randomUUID } from 'node:crypto';
import { Agent, createServer, request } from 'node:http';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../../dist/adapters/postgres/embedded/embedded-postgres.js';
import { createPlainTable, insertInto, rowOf } from '../plain-events.mjs';

const [, , provider, dataDir] = process.argv;
const META = JSON.stringify({
  conversation: randomUUID(),
  owner: 'ada',
  actor: { id: 'ada', kind: 'user' },
  correlationId: randomUUID(),
  commandId: randomUUID(),
});
const INSERT = insertInto('floor_events', 1);

const postgres = await startEmbeddedPostgres({ dataDir, onNotice: (notice) => process.stderr.write(`${notice}\n`) });
const asked = await connect();
const came = await connect();
await asked.query(createPlainTable('floor_events'));

const agent = new Agent({ keepAlive: true });
const server = createServer(async (incoming, outgoing) => {
  const { method, url: path, headers } = incoming;
  const turn = randomUUID();
  const body = await text(incoming);
  await commit(asked, `conversation-${turn}`, 'MessageSent', body);
  const onward = request(provider, { agent, method, path, headers }, (answer) => {
    answer.once('data', async (first) => {
      answer.pause();
      await commit(came, `generation-${turn}`, 'DeltaReceived', JSON.stringify({ text: String(first) }));
      outgoing.writeHead(answer.statusCode, answer.headers);
      outgoing.write(first);
      answer.pipe(outgoing);
    });
  });
  onward.on('error', (error) => outgoing.destroy(error));
  onward.end(body);
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`address  http://127.0.0.1:${server.address().port}\n`));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop);

async function connect() {
  const client = new pg.Client(postgres.connection);
  await client.connect();
  return client;
}

async function commit(client, stream, type, data) {
  const event = {
    id: randomUUID(),
    type,
    schema: 1,
    tenant: 'default',
    at: new Date().toISOString(),
    data,
    meta: META,
  };
  await client.query({ ...INSERT, values: rowOf(stream, 0, event) });
}

async function stop() {
  await Promise.all([asked.end(), came.end()]);
  await postgres.stop();
  process.exit(0);
}
