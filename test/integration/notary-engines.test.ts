import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EventStoreDbEventLog } from '../../src/adapters/eventstoredb/eventstoredb-event-log.js';
import { serverAddress } from '../../src/adapters/eventstoredb/server-address.js';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresCheckpoints } from '../../src/adapters/postgres/postgres-checkpoints.js';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { PostgresRecord } from '../../src/adapters/postgres/postgres-record.js';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { type RecordedEvent, START } from '../../src/events/envelope.js';
import { sha256 } from '../../src/formats/record-1/hashes.js';
import { NoteSigner, originOf } from '../../src/formats/record-1/note.js';
import { SigningKeys } from '../../src/formats/record-1/signing-keys.js';
import { Notary } from '../../src/notary/notary.js';
import { checkRecord } from '../../src/notary/record-check.js';
import type { EventLog } from '../../src/ports/event-log.js';
import { NOTARY } from '../../src/ports/record.js';
import { ChatLog } from '../support/chat-log.js';
import { drawnSteps, playHistory } from '../support/drawn-history.js';
import { startStandIn } from '../support/eventstore/stand-in.js';
import { MemoryEventLog } from '../support/memory/memory-event-log.js';
import { MemoryHints } from '../support/memory/memory-hints.js';
import { MemoryLeases } from '../support/memory/memory-leases.js';
import { MemoryNotes } from '../support/memory/memory-record.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres-cluster.js';
import { RecordedHealth } from '../support/recorded-health.js';
import { until } from '../support/until.js';

type Log = Pick<EventLog, 'append'> & ConstructorParameters<typeof Notary>[0]['log'];

/** The record of a log, made by a notary, and again from the beginning. */
async function recorded(log: Log, connection: TestPostgres['connection']): Promise<string[]> {
  const pool = new ConnectionPool(connection, 4, 10_000);
  const [record, checkpoints] = [new PostgresRecord(pool), new PostgresCheckpoints(pool)];
  const leases = new MemoryLeases(systemClock);
  const health = new RecordedHealth();
  const warnings: object[] = [];
  const kept = new MemoryNotes();
  const keys = new SigningKeys(new NoteSigner(sha256('the key')));
  const identity = await log.identity();
  const outside = { keys, kept, originOf: (tenant: string) => originOf(identity, 'first', tenant) };
  const made = async (holder: string) => {
    const notary = new Notary({
      ...{ log, checkpoints, leases, hints: new MemoryHints(), clock: systemClock, health, holder, leaseMs: 15_000 },
      ...{
        store: record,
        kept,
        incarnation: 'first',
        keys: async () => keys,
      },
      meter: { entriesRecorded: () => {} },
      warn: (facts: object) => void warnings.push(facts),
    });
    notary.start();
    await until(async () => {
      const trees = await checkRecord(log, record, outside);
      return trees.every(({ size, stored, signed }) => size === stored && size === signed);
    });
    await notary.stop();
    const leaves = await Promise.all(
      ['default', 'acme'].map(async (tenant) => (await record.entries(tenant, 0, 10_000)).map(({ leaf }) => leaf)),
    );
    return leaves.flat();
  };
  try {
    const first = await made('node-1');
    expect((await checkRecord(log, record, outside)).flatMap(({ mistakes }) => mistakes)).toEqual([]);
    await record.forget(NOTARY);
    expect(await made('node-2')).toEqual(first);
    expect([warnings, health.failures]).toEqual([[], []]);
    return first;
  } finally {
    await pool.close();
  }
}

async function copied(events: readonly RecordedEvent[], log: Pick<EventLog, 'append'>): Promise<void> {
  for (const { stream, revision, position: _, ...event } of events) {
    const outcome = await log.append(stream, revision === 0 ? 'none' : revision - 1, [event]);
    expect(outcome).toMatchObject({ outcome: 'appended', revision });
  }
}

describe('the record of one history', () => {
  it('is the same on PostgreSQL and on EventStoreDB, and when it is made again', async () => {
    const source = new MemoryEventLog();
    const [steps = []] = fc.sample(drawnSteps, { numRuns: 1, seed: 11 });
    await playHistory(source, steps);
    const chat = await new ChatLog(source).started();
    for (const name of ['1', '2', '3']) await chat.turn(name, ['half of a pair: \ud83d', ' and more', '']);
    const events: RecordedEvent[] = [];
    for await (const page of source.readAll(START)) events.push(...page.events);
    expect(new Set(events.map(({ tenant }) => tenant))).toEqual(new Set(['default', 'acme']));
    expect(events.filter(({ type }) => type === 'AttemptEnded').length).toBeGreaterThan(2);

    const postgres = await startTestPostgres();
    const standIn = await startStandIn();
    const inPostgres = new PostgresEventLog(postgres.connection);
    const inEventStore = new EventStoreDbEventLog(serverAddress(standIn.url));
    try {
      // As a start of the product does, before the first event.
      await inEventStore.identity();
      await copied(events, inPostgres);
      await copied(events, inEventStore as unknown as Pick<EventLog, 'append'>);
      const entries = await recorded(inPostgres, postgres.connection);
      expect(entries.length).toBeGreaterThan(20);
      expect(await recorded(inEventStore as unknown as Log, await postgres.newDatabase())).toEqual(entries);
    } finally {
      await inEventStore.close();
      await inPostgres.close();
      await standIn.stop();
      await postgres.stop();
    }
  });
});
