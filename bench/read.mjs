// How fast a reader that starts at zero gets typed, checked events, against pages that are only parsed.
import pg from 'pg';
import { PostgresEventLog } from '../dist/adapters/postgres/postgres-event-log.js';
import { START } from '../dist/events/envelope.js';
import { codec, newEvent, newStream } from './support/events.mjs';
import { startServer } from './support/server.mjs';
import { interleave, median, rounded } from './support/statistics.mjs';

const ROUNDS = 5;
const EVENTS = 200_000;
const EVENTS_OF_AN_APPEND = 500;
const PARSED_ONLY_PAGE = 5_000;

export async function bench(tell) {
  const server = await startServer();
  const log = new PostgresEventLog(server.connection);
  try {
    await fill(log);
    await server.query('VACUUM ANALYZE log.events');
    tell(`${EVENTS} events written`);
    const arms = {
      parsedOnly: () => timed(() => parsedOnly(server)),
      ours: () => timed(() => typed(log)),
    };
    for (const arm of Object.values(arms)) await arm();
    const { parsedOnly: pages, ours } = await interleave(ROUNDS, arms, tell);
    return {
      oursToParsedOnly: rounded(median(ours.map((round, nth) => round.eventsPerSecond / pages[nth].eventsPerSecond))),
      oursEventsPerSecond: median(ours.map((round) => round.eventsPerSecond)),
      parsedOnlyEventsPerSecond: median(pages.map((round) => round.eventsPerSecond)),
    };
  } finally {
    await log.close();
    await server.stop();
  }
}

async function fill(log) {
  for (let written = 0; written < EVENTS; written += EVENTS_OF_AN_APPEND) {
    const events = Array.from({ length: EVENTS_OF_AN_APPEND }, (_, seq) => newEvent(seq));
    const { outcome } = await log.append(newStream(), 'none', events);
    if (outcome !== 'appended') throw new Error(outcome);
  }
}

async function timed(read) {
  const began = performance.now();
  const events = await read();
  if (events !== EVENTS) throw new Error(`${events} events read`);
  return { eventsPerSecond: Math.round(events / ((performance.now() - began) / 1_000)) };
}

async function typed(log) {
  let events = 0;
  for await (const page of log.readAll(START)) {
    for (const event of await codec.decode(page.events)) if (event !== 'unknown') events += 1;
  }
  return events;
}

/** Keyset pages of the same columns through the driver, and JSON.parse: nothing checked, nothing built. */
async function parsedOnly({ connection }) {
  const client = new pg.Client({ ...connection, options: '-c TimeZone=UTC' });
  await client.connect();
  const text = `SELECT position, stream, revision, id, type, schema, tenant, at, data, meta FROM log.events
    WHERE position > $1 ORDER BY position LIMIT ${PARSED_ONLY_PAGE}`;
  const types = { getTypeParser: () => (value) => value };
  let events = 0;
  for (let position = '0'; ; ) {
    const { rows } = await client.query({ name: 'page', text, values: [position], rowMode: 'array', types });
    if (rows.length === 0) break;
    for (const row of rows) {
      JSON.parse(row[8]);
      JSON.parse(row[9]);
    }
    events += rows.length;
    position = rows.at(-1)[0];
  }
  await client.end();
  return events;
}
