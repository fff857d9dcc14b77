import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { type NewEvent, type Position, type RecordedEvent, START } from '../../src/events/envelope.js';
import { follow } from '../contracts/event-log/subscribe.js';
import { newDelta, newDeltas, newStream, wholeStream } from '../support/new-events.js';
import { served, startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';
import { RecordedHealth } from '../support/recorded-health.js';
import { divideLog, partitionsOf } from '../support/small-partitions.js';
import { until } from '../support/until.js';

/** Of the partitions that migration 0011 and log.extend() make. */
const SIZE = 10_000_000;

let postgres: TestPostgres;
let connection: TestPostgres['connection'];
let logs: PostgresEventLog[];
beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres.stop());
beforeEach(async () => {
  connection = await postgres.newDatabase();
  logs = [];
});
afterEach(() => Promise.all(logs.map((log) => log.close())));

function openLog(as: pg.ClientConfig = connection): PostgresEventLog {
  const log = new PostgresEventLog(as);
  logs.push(log);
  return log;
}

const ask = (sql: string, as: pg.ClientConfig = connection) =>
  withClient(as, async (client) => (await client.query(sql)).rows);

const extend = async (as?: pg.ClientConfig): Promise<number> =>
  Number((await ask('SELECT log.extend() AS next', as))[0].next);

async function allEvents(log: PostgresEventLog): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const page of log.readAll(START)) events.push(...page.events);
  return events;
}

const placesOf = (log: PostgresEventLog, events: readonly RecordedEvent[]) =>
  events.map(({ position }) => Number(log.parsePosition(position as string)?.split('/')[0]));

const upTo = (count: number) => Array.from({ length: count }, (_, nth) => nth + 1);

const idsOf = (events: readonly { readonly id: string }[]) => events.map(({ id }) => id);

describe('log.extend()', () => {
  it('makes the next partition once the newest one is in use, and answers from where it is needed again', async () => {
    expect(await extend()).toBe(1);
    expect(await partitionsOf(connection)).toEqual(['events_1']);

    await ask(
      `INSERT INTO log.events (position, stream, revision, id, type, schema, tenant, at, data, meta, bytes)
       VALUES (1, 'generation-a', 0, gen_random_uuid(), 'DeltaReceived', 1, 't', now(), '{}', '{}', 4)`,
    );
    expect(await extend()).toBe(SIZE);
    expect(await partitionsOf(connection)).toEqual(['events_1', `events_${SIZE}`]);
    expect(await extend()).toBe(SIZE);
    expect(await partitionsOf(connection)).toHaveLength(2);

    await ask(
      `INSERT INTO log.events (position, stream, revision, id, type, schema, tenant, at, data, meta, bytes)
       VALUES (${SIZE}, 'generation-a', 1, gen_random_uuid(), 'DeltaReceived', 1, 't', now(), '{}', '{}', 4)`,
    );
    expect(await extend()).toBe(2 * SIZE);
    expect(await partitionsOf(connection)).toEqual(['events_1', `events_${SIZE}`, `events_${2 * SIZE}`]);
    expect(await ask('SELECT first::int, until::int FROM log.partitions ORDER BY first')).toEqual([
      { first: 1, until: SIZE },
      { first: SIZE, until: 2 * SIZE },
      { first: 2 * SIZE, until: 3 * SIZE },
    ]);
  });

  it('makes one partition when twenty sessions call it at once', async () => {
    await ask(
      `INSERT INTO log.events (position, stream, revision, id, type, schema, tenant, at, data, meta, bytes)
       VALUES (1, 'generation-a', 0, gen_random_uuid(), 'DeltaReceived', 1, 't', now(), '{}', '{}', 4)`,
    );
    const answers = await Promise.all(Array.from({ length: 20 }, () => extend()));
    expect(new Set(answers)).toEqual(new Set([SIZE]));
    expect(await partitionsOf(connection)).toHaveLength(2);
  });

  it('may be called by the role that serves, which can neither create, detach nor drop a partition itself', async () => {
    const server = await served(connection);
    const log = openLog(server);
    await log.append(newStream(), 'none', [newDelta()]);
    expect(await extend(server)).toBe(SIZE);
    const made = `log.events_${SIZE}`;
    for (const statement of [
      `CREATE TABLE log.mine PARTITION OF log.events FOR VALUES FROM (${2 * SIZE}) TO (${3 * SIZE})`,
      `ALTER TABLE log.events DETACH PARTITION ${made}`,
      `ALTER TABLE log.events DETACH PARTITION ${made} CONCURRENTLY`,
      `DROP TABLE ${made}`,
      `INSERT INTO ${made} SELECT * FROM log.events`,
      `DELETE FROM ${made}`,
      `TRUNCATE ${made}`,
      `ALTER TABLE ${made} DISABLE TRIGGER append_only`,
      `UPDATE log.partitions SET until = until + 1`,
    ]) {
      const refused = await ask(statement, server).catch((error: unknown) => error);
      expect([statement, refused]).toEqual([statement, expect.objectContaining({ code: '42501' })]);
    }
    expect(await allEvents(log)).toHaveLength(1);
  });
});

describe('a process that has the log open', () => {
  it('makes the next partition by itself once an event is in the newest one', async () => {
    await divideLog(connection, 10);
    const log = openLog(await served(connection));
    const stream = newStream();
    await log.append(stream, 'none', [newDelta()]);
    await until(async () => (await partitionsOf(connection)).length === 2);
    for (let revision = 0; revision < 9; revision++) {
      expect(await log.append(stream, revision, [newDelta()])).toMatchObject({ outcome: 'appended' });
    }
    // Position 10 is the first one of the second partition.
    await until(async () => (await partitionsOf(connection)).length === 3);
    expect(placesOf(log, await allEvents(log))).toEqual(upTo(10));
  });

  it('commits nothing without a partition, reports why it cannot make one, and appends once there is one', async () => {
    await divideLog(connection, 10);
    const health = new RecordedHealth();
    const log = openLog();
    log.reportTo(health);
    await ask('ALTER FUNCTION log.extend() RENAME TO extend_later');
    const stream = newStream();
    const seven = newDeltas(7);
    expect(await log.append(stream, 'none', seven)).toMatchObject({ outcome: 'appended' });

    const four = newDeltas(4);
    expect(await log.append(stream, 6, four)).toEqual({ outcome: 'unavailable', maybeWritten: true });
    expect(idsOf(await wholeStream(log, stream))).toEqual(idsOf(seven));
    expect(health.failing).toEqual(new Set(['log partitions']));
    expect(String(health.failures[0]?.error)).toContain('log.extend() does not exist');

    await ask('ALTER FUNCTION log.extend_later() RENAME TO extend');
    expect(await log.append(stream, 6, four)).toMatchObject({ outcome: 'appended', revision: 10 });
    await until(() => health.failing.size === 0);
    expect(idsOf(await wholeStream(log, stream))).toEqual(idsOf([...seven, ...four]));
  });
});

describe('a log in several partitions', () => {
  it('takes an append whole and without a gap that crosses from one partition into the next', async () => {
    await divideLog(connection, 10, 20, 30);
    const log = openLog();
    const [before, crossing, behind] = [newDeltas(5), newDeltas(12), newDeltas(3)];
    const stream = newStream();
    await log.append(newStream(), 'none', before);
    await log.append(stream, 'none', crossing);
    await log.append(stream, 11, behind);
    const events = await allEvents(log);
    expect(placesOf(log, events)).toEqual(upTo(20));
    expect(idsOf(events)).toEqual(idsOf([...before, ...crossing, ...behind]));
    expect((await wholeStream(log, stream)).map(({ revision }) => revision)).toEqual([...Array(15).keys()]);
    const counts = await ask(
      'SELECT tableoid::regclass::text AS name, count(*)::int FROM log.events GROUP BY 1 ORDER BY 1',
    );
    expect(counts).toEqual([
      { name: 'log.events_1', count: 9 },
      { name: 'log.events_10', count: 10 },
      { name: 'log.events_20', count: 1 },
    ]);
  });

  it('takes appends of two processes at once without a gap, and shows them to subscribers in the order of positions', async () => {
    const ends = Array.from({ length: 20 }, (_, nth) => 31 * (nth + 1));
    await divideLog(connection, ...ends);
    const [one, other] = [openLog(), openLog()];
    const subscriber = follow(one, START);
    const streams = Array.from({ length: 40 }, () => newStream());
    const written = await Promise.all(
      streams.map(async (stream, nth) => {
        const log = nth % 2 === 0 ? one : other;
        const events: NewEvent[] = [];
        for (let round = 0; round < 4; round++) {
          const next = newDeltas(3);
          const expected = round === 0 ? 'none' : events.length - 1;
          expect(await log.append(stream, expected, next)).toMatchObject({ outcome: 'appended' });
          events.push(...next);
        }
        return events;
      }),
    );
    const events = await allEvents(other);
    expect(placesOf(other, events)).toEqual(upTo(480));
    for (const [nth, stream] of streams.entries()) {
      expect(idsOf(await wholeStream(other, stream))).toEqual(idsOf(written[nth] as NewEvent[]));
    }
    await until(() => subscriber.ids().length >= 480);
    await subscriber.stop();
    expect(subscriber.ids()).toEqual(idsOf(events));
  });

  it('reads streams in both directions, all streams, its head and a backlog over the borders', async () => {
    await divideLog(connection, 4, 8, 12, 16, 20);
    const log = openLog();
    const [stream, other] = [newStream(), newStream('conversation')];
    const own: NewEvent[] = [];
    let last: Position = START;
    for (let round = 0; round < 9; round++) {
      const [event, aside] = [newDelta(`${round}`), newDelta()];
      const expected = round === 0 ? 'none' : round - 1;
      await log.append(stream, expected, [event]);
      const outcome = await log.append(other, expected, [aside]);
      if ('position' in outcome) last = outcome.position;
      own.push(event);
    }
    const pages = async (options: Parameters<PostgresEventLog['readStream']>[1]) => {
      const events: RecordedEvent[] = [];
      for await (const page of openLog().readStream(stream, options)) events.push(...page);
      return events.map(({ id }) => id);
    };
    const ids = idsOf(own);
    expect(await pages({})).toEqual(ids);
    expect(await pages({ from: 3 })).toEqual(ids.slice(3));
    expect(await pages({ from: 2, eventsMax: 4 })).toEqual(ids.slice(2, 6));
    expect(await pages({ direction: 'backwards' })).toEqual([...ids].reverse());
    expect(await pages({ direction: 'backwards', from: 6, eventsMax: 5 })).toEqual(ids.slice(2, 7).reverse());
    expect(await pages({ from: 9 })).toEqual([]);

    const reader = openLog();
    const events = await allEvents(reader);
    expect(placesOf(reader, events)).toEqual(upTo(18));
    expect(await reader.head()).toBe(last);
    for (const { position } of events) expect(await reader.holds(position as Position)).toBe(true);
    const third = events[2]?.position as Position;
    expect(await reader.backlog(third, 100)).toMatchObject({ events: 15, distance: 15, estimated: false });
    expect(await reader.backlog(third, 100, { categories: ['conversation'] })).toMatchObject({
      events: 8,
      distance: 15,
    });
    const after: string[] = [];
    for await (const page of reader.readAll(third, { categories: ['generation'] })) after.push(...idsOf(page.events));
    expect(after).toEqual(ids.slice(2));

    const subscriber = follow(reader, third);
    await until(() => subscriber.pages.at(-1)?.live === true);
    const [next] = newDeltas(1);
    await log.append(stream, 8, [next]);
    await until(() => subscriber.ids().length >= 16);
    await subscriber.stop();
    expect(subscriber.ids()).toEqual([...idsOf(events).slice(3), next.id]);
  });

  it('recognises a retry and judges a conflict whose events are in an older partition', async () => {
    await divideLog(connection, 10, 20, 30);
    const log = openLog();
    const [stream, first] = [newStream(), newDeltas(2)];
    await log.append(stream, 'none', first);
    await log.append(newStream(), 'none', newDeltas(20));
    expect(await openLog().append(stream, 'none', first)).toMatchObject({ outcome: 'already-there', revision: 1 });
    expect(await openLog().append(stream, 'none', newDeltas(2))).toEqual({ outcome: 'conflict', revision: 1 });
  });

  it('refuses UPDATE, DELETE and TRUNCATE on each partition by its own name, even to the owner', async () => {
    await divideLog(connection, 10);
    const log = openLog();
    await log.append(newStream(), 'none', newDeltas(9));
    await extend();
    await log.append(newStream(), 'none', newDeltas(1));
    await extend();
    const partitions = await partitionsOf(connection);
    expect(partitions).toEqual(['events_1', 'events_10', `events_${SIZE + 10}`]);
    for (const table of ['events', ...partitions]) {
      for (const [statement, operation] of [
        [`UPDATE log.${table} SET type = 'x'`, 'UPDATE'],
        [`DELETE FROM log.${table}`, 'DELETE'],
        [`TRUNCATE log.${table}`, 'TRUNCATE'],
      ]) {
        await expect(ask(statement as string)).rejects.toThrow(`the log is append-only: ${operation} is refused`);
      }
    }
    expect(await allEvents(log)).toHaveLength(10);
  });
});
