import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { PostgresEventLog } from '../../../dist/adapters/postgres/postgres-event-log.js';
import { newEvent, newStream } from '../events.mjs';
import { loadPeer } from '../peers.mjs';
import { createPlainTable, insertInto, rowOf } from '../plain-events.mjs';
import { load } from './load.mjs';

const RAW_ROWS = 500;
const RAW_CONNECTIONS = 2;
const RAW_STREAMS = 512;
const EMMETT_CALLERS = 128;

/** What a program could do that checks nothing but what the index checks. */
export async function createRawTable(server) {
  await server.query(`${createPlainTable('raw_events')};
    ALTER TABLE raw_events ADD UNIQUE (stream, revision)`);
}

/** Whole transactions of rows, of as many streams as 512 callers write. */
export function raw(server) {
  return insertRows(server, RAW_CONNECTIONS, RAW_ROWS, RAW_STREAMS / RAW_CONNECTIONS);
}

/** A connection for each caller, and for each event an INSERT with its own flush. */
export function single(server, callers) {
  return insertRows(server, callers, 1, 1);
}

async function insertRows(server, connections, rows, streamsOfEach) {
  const insert = insertInto('raw_events', rows);
  const clients = Array.from({ length: connections }, () => new pg.Client(server.connection));
  await Promise.all(clients.map((client) => client.connect()));
  const result = await load(server, connections, (nth) => {
    const streams = Array.from({ length: streamsOfEach }, newStream);
    let written = 0;
    const nextRow = () => {
      const revision = Math.floor(written / streams.length);
      const stream = streams[written++ % streams.length];
      return rowOf(stream, revision, newEvent(written));
    };
    return async () => {
      await clients[nth].query({ ...insert, values: Array.from({ length: rows }, nextRow).flat() });
      return rows;
    };
  });
  await Promise.all(clients.map((client) => client.end()));
  return result;
}

export async function ours(server, callers, eventsOfAStream) {
  const log = new PostgresEventLog(server.connection);
  const result = await load(server, callers, () => appender(log, eventsOfAStream));
  await log.close();
  return result;
}

/** Appends one event with each call, at the expected revision, and begins a new stream when one is full. */
export function appender(log, eventsOfAStream = Number.POSITIVE_INFINITY) {
  let stream = newStream();
  let revision = 'none';
  let seq = 0;
  return async () => {
    if (revision === eventsOfAStream - 1) {
      stream = newStream();
      revision = 'none';
    }
    const answer = await log.append(stream, revision, [newEvent(seq++)]);
    if (answer.outcome !== 'appended') throw new Error(`unexpected ${answer.outcome}`);
    revision = answer.revision;
    return 1;
  };
}

/** emmett-postgresql on a database of its own, or the reason why it cannot be had. */
export async function openEmmett(server) {
  const { module, reason } = await loadPeer('emmett');
  if (reason) return { reason };
  await server.query('CREATE DATABASE emmett');
  const { host, port, user } = server.connection;
  const url = `postgresql://${user}@localhost:${port}/emmett?host=${encodeURIComponent(host)}`;
  const store = module.getPostgreSQLEventStore(url);
  await store.appendToStream(newStream(), [emmettEvent(0)]);
  return { store };
}

export function viaEmmett(server, store) {
  return load(server, EMMETT_CALLERS, () => {
    const stream = `generation-${randomUUID()}`;
    let version = 0n;
    return async () => {
      const expected = version === 0n ? 'STREAM_DOES_NOT_EXIST' : version;
      const { nextExpectedStreamVersion } = await store.appendToStream(stream, [emmettEvent(Number(version))], {
        expectedStreamVersion: expected,
      });
      version = nextExpectedStreamVersion;
      return 1;
    };
  });
}

function emmettEvent(seq) {
  const { type, data, meta } = newEvent(seq);
  return { type, data: JSON.parse(data), metadata: JSON.parse(meta) };
}
