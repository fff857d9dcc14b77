// Appends to EventStoreDB: ours against the plain client, which shares one call among all appends as ours does.
import { EventStoreDBClient, jsonEvent, NO_STREAM } from '@eventstore/db-client';
import { EventStoreDbEventLog } from '../../../dist/adapters/eventstoredb/eventstoredb-event-log.js';
import { serverAddress } from '../../../dist/adapters/eventstoredb/server-address.js';
import { newEvent, newStream } from '../events.mjs';
import { openLogServer } from '../log-server.mjs';
import { interleave, median, rounded } from '../statistics.mjs';
import { appender } from './arms.mjs';
import { load } from './load.mjs';

const ROUNDS = 5;
const CALLERS = [1, 16, 128, 512];

export async function eventStore(tell, url) {
  const server = await openLogServer(url);
  const log = new EventStoreDbEventLog(serverAddress(server.url));
  const client = EventStoreDBClient.connectionString(server.url);
  try {
    const arms = {};
    for (const callers of CALLERS) {
      arms[`plain${callers}`] = () => load(server, callers, () => plainAppender(client));
      arms[`ours${callers}`] = () => load(server, callers, () => appender(log));
    }
    const results = await interleave(ROUNDS, arms, tell);
    const figures = CALLERS.map((callers) => [
      `callers${callers}`,
      summary(results[`ours${callers}`], results[`plain${callers}`]),
    ]);
    return { server: server.isStandIn ? 'stand-in' : 'as given', ...Object.fromEntries(figures) };
  } finally {
    await log.close();
    await client.dispose();
    await server.stop();
  }
}

/** As a program would use the client that records JSON with the product's metadata. */
function plainAppender(client) {
  const stream = newStream();
  let expectedRevision = NO_STREAM;
  let seq = 0;
  return async () => {
    const { id, type, data, meta } = newEvent(seq++);
    const event = jsonEvent({ id, type, data: JSON.parse(data), metadata: JSON.parse(meta) });
    const { nextExpectedRevision } = await client.appendToStream(stream, event, { expectedRevision });
    expectedRevision = nextExpectedRevision;
    return 1;
  };
}

function summary(ours, plain) {
  const ratio = (key) => rounded(median(ours.map((round, nth) => round[key] / plain[nth][key])));
  const of = (rounds, key) => rounded(median(rounds.map((round) => round[key])));
  return {
    oursToPlain: ratio('eventsPerSecond'),
    cpuOursToPlain: ratio('nodeMicrosPerEvent'),
    oursEventsPerSecond: of(ours, 'eventsPerSecond'),
    plainEventsPerSecond: of(plain, 'eventsPerSecond'),
    oursNodeMicrosPerEvent: of(ours, 'nodeMicrosPerEvent'),
    plainNodeMicrosPerEvent: of(plain, 'nodeMicrosPerEvent'),
    oursP50Ms: of(ours, 'p50Ms'),
    plainP50Ms: of(plain, 'p50Ms'),
  };
}
