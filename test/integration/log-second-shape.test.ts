import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { migrate } from '../../src/adapters/postgres/migrate.js';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { openEngines } from '../../src/app/engines.js';
import { loadConfig } from '../../src/config.js';
import { type NewEvent, type RecordedEvent, START } from '../../src/events/envelope.js';
import { type Chat, CONVERSATIONS, startChat, type Turn } from '../support/chat.js';
import { expectProblem } from '../support/expect-problem.js';
import { type Answer, type HttpApp, startHttpApp } from '../support/http-app.js';
import { newDelta, newStream, someMetadata, wholeStream } from '../support/new-events.js';
import { appendToOldLog, createOldDatabase, type OldAppend } from '../support/old-log.js';
import { databaseUrl, startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';
import { until } from '../support/until.js';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres.stop());

const fingerprint = 'f'.repeat(64);

/** An event as release 0.1 wrote it, with these texts and otherwise what does not matter. */
function oldEvent(over: Partial<NewEvent> = {}): NewEvent {
  return { ...newDelta(), at: '2025-03-04T05:06:07.008Z', ...over };
}

const metaOf = (commandId: string, more: object = {}) => JSON.stringify({ ...someMetadata, commandId, ...more });

async function allEvents(log: PostgresEventLog): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const page of log.readAll(START)) events.push(...page.events);
  return events;
}

describe('a log of release 0.1 after its migration', () => {
  const keyed = { one: randomUUID(), late: randomUUID(), alone: randomUUID() };
  const [ledger, tape, other] = [newStream('conversation'), newStream('generation'), newStream('conversation')];
  const withKey = (commandId: string) => ({ meta: metaOf(commandId, { fingerprint }) });

  const batches: OldAppend[][] = [
    [
      { stream: ledger, expected: -1, events: [oldEvent(withKey(keyed.one)), oldEvent(withKey(keyed.one))] },
      { stream: other, expected: -1, events: [oldEvent({ tenant: 'acme' })] },
    ],
    [
      {
        stream: tape,
        expected: -1,
        events: [
          oldEvent({ data: '{"text":"an escaped \\u0000 NUL","z":1,"a":2}' }),
          oldEvent({ data: '{"text":"\\"fingerprint\\":\\"x\\"","fingerprint":"of data","commandId":"not this one"}' }),
          // What a person wrote does not become a key, wherever it is.
          oldEvent({
            meta: metaOf(randomUUID(), { owner: `"fingerprint":"${fingerprint}","commandId":"${randomUUID()}"` }),
          }),
          oldEvent({ data: '{ "odd" : [1.0, 1e2, "\\ud83d\\ude00", "ü😀"] }' }),
        ],
      },
    ],
    [
      {
        stream: ledger,
        expected: 1,
        events: [
          oldEvent({ meta: metaOf(randomUUID()) }),
          oldEvent({ meta: metaOf(keyed.late, { fingerprint, traceparent: '00-ab-cd-01' }) }),
        ],
      },
      {
        stream: other,
        expected: 0,
        events: [
          oldEvent({ tenant: 'acme', ...withKey(keyed.alone), at: '2026-12-31T23:59:59.999Z' }),
          oldEvent({ tenant: 'acme' }),
        ],
      },
    ],
    [{ stream: ledger, expected: 3, events: [oldEvent(withKey(keyed.late)), oldEvent()] }],
  ];
  const written = batches.flatMap((batch) =>
    batch.flatMap(({ stream, expected, events }) =>
      events.map((event, nth) => ({ ...event, stream, revision: expected + 1 + nth })),
    ),
  );

  let connection: pg.ClientConfig;
  let log: PostgresEventLog;
  const sql = async (text: string) => withClient(connection, async (client) => (await client.query(text)).rows);

  beforeAll(async () => {
    connection = await createOldDatabase(postgres.connection, 'old_log');
    await withClient(connection, async (client) => {
      for (const batch of batches) await appendToOldLog(client, batch);
      await client.query("INSERT INTO runtime.command_places VALUES ('a command', 'c1'), ('another', 'c2')");
    });
    expect(await migrate(connection)).toContain('0011-log-second-shape.sql');
    log = new PostgresEventLog(connection);
  });
  afterAll(() => log.close());

  it('has every event as it was written, byte for byte, at its position and revision', async () => {
    const events = await allEvents(log);
    const positions = events.map(({ position }) => Number((position as string).split('/')[0]));
    expect(positions).toEqual(written.map((_, nth) => nth + 1));
    expect(events.map(({ position: _, ...event }) => event)).toEqual(written);
  });

  it('has every stream as it was written', async () => {
    for (const stream of [ledger, tape, other]) {
      expect(await wholeStream(log, stream)).toEqual(written.filter((event) => event.stream === stream));
    }
  });

  it('knows the tenant, the revision, and the first and the last position of each stream', async () => {
    const rows = await sql('SELECT stream, tenant, revision, first::int, last::int FROM log.streams');
    const byStream = new Map(rows.map(({ stream, ...row }) => [stream, row]));
    expect(byStream).toEqual(
      new Map([
        [ledger, { tenant: 'default', revision: 5, first: 1, last: 13 }],
        [tape, { tenant: 'default', revision: 3, first: 4, last: 7 }],
        [other, { tenant: 'acme', revision: 2, first: 3, last: 11 }],
      ]),
    );
  });

  it('knows the commands with an idempotency key, each at its first event, and no others', async () => {
    const rows = await sql('SELECT command, stream, revision FROM log.command_ids');
    const byCommand = new Map(rows.map(({ command, ...place }) => [command, place]));
    const expected = new Map([
      [keyed.one, { stream: ledger, revision: 0 }],
      [keyed.late, { stream: ledger, revision: 3 }],
      [keyed.alone, { stream: other, revision: 1 }],
    ]);
    expect(byCommand).toEqual(expected);
    for (const [command, place] of expected) expect(await log.findCommand(command)).toEqual(place);
    expect(await log.findCommand(randomUUID())).toBeUndefined();
  });

  it('keeps the places of commands as streams', async () => {
    expect(await sql('SELECT command_id, stream, revision FROM runtime.command_places ORDER BY 1')).toEqual([
      { command_id: 'a command', stream: 'conversation-c1', revision: 0 },
      { command_id: 'another', stream: 'conversation-c2', revision: 0 },
    ]);
  });

  it('goes on at the next position and revision, and lets no command act again', async () => {
    const event = newDelta();
    const outcome = await log.append(tape, 3, [event]);
    expect(outcome).toMatchObject({ outcome: 'appended', revision: 4 });
    expect('position' in outcome && log.parsePosition(outcome.position)).toBe(`${'14'.padStart(19, '0')}/${event.id}`);
    expect(await log.append(ledger, 3, [newDelta()])).toEqual({ outcome: 'conflict', revision: 5 });
    const again = { ...newDelta(), ...withKey(keyed.alone) };
    expect(await log.append(ledger, 5, [again], { command: keyed.alone })).toEqual({
      outcome: 'command-known',
      stream: other,
      revision: 1,
    });
    expect(await log.append(newStream(), 'none', [again], { command: keyed.alone })).toMatchObject({
      outcome: 'command-known',
    });
  });
});

it('an empty log of release 0.1 is migrated to an empty log', async () => {
  const connection = await createOldDatabase(postgres.connection, 'old_and_empty');
  await migrate(connection);
  const log = new PostgresEventLog(connection);
  try {
    expect(await log.head()).toBe(START);
    const stream = newStream();
    const outcome = await log.append(stream, 'none', [newDelta()]);
    expect('position' in outcome && Number(outcome.position.split('/')[0])).toBe(1);
    expect(await wholeStream(log, stream)).toHaveLength(1);
  } finally {
    await log.close();
  }
});

describe('an idempotency key that was used under release 0.1', () => {
  let before: Chat;
  let after: HttpApp;
  let conversation: string;
  let another: string;
  const [startKey, turnKey] = [randomUUID(), randomUUID()];
  const startBody = { title: 'Taxes' };
  const turnBody = { content: 'What is due?' };
  let started: Answer;
  let sent: Answer;

  const keyed = (app: HttpApp, path: string, key: string, body: object) =>
    app.call('POST', path, { key: before.adminKey, headers: { 'idempotency-key': key }, body });
  const messagesOf = (id: string) => `${CONVERSATIONS}/${id}/messages`;
  const answered = ({ status, json }: Answer) => [status, json];

  beforeAll(async () => {
    before = await startChat();
    started = await keyed(before, CONVERSATIONS, startKey, startBody);
    conversation = (started.json as { id: string }).id;
    another = await before.started();
    sent = await keyed(before, messagesOf(conversation), turnKey, turnBody);
    expect([started.status, sent.status]).toEqual([201, 202]);
    await before.ended(conversation, (sent.json as Turn).generationId);
    await before.done(another, { content: 'Hello' });

    const database = await createOldDatabase(postgres.connection, 'old_product');
    await withClient(database, async (client) => {
      for await (const { events } of before.engines.log.readAll(START)) {
        for (const event of events) {
          await appendToOldLog(client, [{ stream: event.stream, expected: event.revision - 1, events: [event] }]);
        }
      }
    });
    await before.close();
    const settings = loadConfig({ DATABASE_URL: databaseUrl(database) });
    after = await startHttpApp(await openEngines(settings, () => {}));
    // The keys of users are read from the log first.
    await until(async () => (await after.call('GET', '/api/v1/me', { key: before.adminKey })).status === 200);
  });
  afterAll(() => after.close());

  it('is answered as under 0.1 in its conversation, and does nothing again', async () => {
    const events = await after.eventCount();
    expect(answered(await keyed(after, CONVERSATIONS, startKey, startBody))).toEqual(answered(started));
    expect(answered(await keyed(after, messagesOf(conversation), turnKey, turnBody))).toEqual(answered(sent));
    expect(await after.eventCount()).toBe(events);
  });

  it('is refused in another conversation, for another request, and for a new conversation', async () => {
    const events = await after.eventCount();
    for (const [path, key, body] of [
      [messagesOf(another), turnKey, turnBody],
      [messagesOf(another), startKey, turnBody],
      [messagesOf(conversation), turnKey, { content: 'Something else' }],
      [CONVERSATIONS, turnKey, startBody],
      [CONVERSATIONS, startKey, {}],
    ] as const) {
      expectProblem(await keyed(after, path, key, body), 422, 'idempotency_key_reused');
    }
    expect(await after.eventCount()).toBe(events);
  });

  it('leaves other keys free: the next turn is appended to the migrated conversation', async () => {
    const next = await keyed(after, messagesOf(conversation), randomUUID(), { content: 'And next year?' });
    expect(next.status).toBe(202);
  });
});
