import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { UndecodableEvent } from '../../src/events/codec.js';
import type { RecordedEvent } from '../../src/events/envelope.js';
import { limits } from '../../src/limits.js';
import { TerminalError } from '../../src/ports/errors.js';
import { SubscriptionRunner } from '../../src/sagas/subscription-runner.js';
import { MemoryCheckpoints } from '../support/memory/memory-checkpoints.js';
import { MemoryHints } from '../support/memory/memory-hints.js';
import { MemoryLeases } from '../support/memory/memory-leases.js';
import { codec, newDelta, newStream, wholeStream } from '../support/new-events.js';
import { startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';
import { RecordedHealth } from '../support/recorded-health.js';
import { until } from '../support/until.js';

describe('a log table that was changed by hand', () => {
  let postgres: TestPostgres;
  let log: PostgresEventLog;

  beforeAll(async () => {
    postgres = await startTestPostgres();
    log = new PostgresEventLog(postgres.connection);
  });
  afterAll(async () => {
    await log.close();
    await postgres.stop();
  });

  /** Writes without the log, as an operator with the owner's rights can. */
  async function insertByHand(stream: string, revision: number, data: string): Promise<string> {
    const { id, type, schema, tenant, at, meta } = newDelta();
    await withClient(postgres.connection, async (client) => {
      await client.query(
        `WITH added AS (
           INSERT INTO log.events (position, stream, revision, id, type, schema, tenant, at, data, meta, bytes)
           SELECT coalesce(max(position), 0) + 1, $1::text, $2::int, $3, $4, $5, $6::text, $7, $8, $9, 100 FROM log.events
           RETURNING position
         )
         INSERT INTO log.streams AS s (stream, tenant, revision, first, last)
         SELECT $1::text, $6::text, $2::int, position, position FROM added
         ON CONFLICT (stream) DO UPDATE SET revision = excluded.revision, last = excluded.last`,
        [stream, revision, id, type, schema, tenant, at, data, meta],
      );
    });
    return id;
  }

  it('returns a malformed event, and the error of the codec names it without its data', async () => {
    const stream = newStream();
    await log.append(stream, 'none', [newDelta()]);
    const data = { attempt: 'what a person said', seq: 0, block: 0, text: '', channel: 'content' };
    const id = await insertByHand(stream, 1, JSON.stringify(data));
    const [, damaged] = await wholeStream(log, stream);
    expect(damaged).toMatchObject({ id, revision: 1 });
    const [error] = await codec.decode([damaged as RecordedEvent]);
    expect(error).toBeInstanceOf(UndecodableEvent);
    expect(`${error}`).toContain(`event 1 of ${stream} (DeltaReceived v2, id ${id}): data/attempt`);
    expect(`${error}`).not.toContain('what a person said');
  });

  it('stops a subscription there, with the event in its state, and lets the stream be written on', async () => {
    const stream = newStream();
    const after = await log.head();
    const id = await insertByHand(stream, 0, '[]');
    expect(await log.append(stream, 0, [newDelta()])).toMatchObject({ outcome: 'appended', revision: 1 });
    const checkpoints = new MemoryCheckpoints();
    await checkpoints.save('reader', 0, after);
    const subscription = {
      name: 'reader',
      async handle(event: RecordedEvent) {
        const [decoded] = await codec.decode([event]);
        if (decoded instanceof UndecodableEvent) throw new TerminalError(decoded.message);
      },
    };
    const runner = new SubscriptionRunner(subscription, {
      log,
      checkpoints,
      leases: new MemoryLeases(systemClock),
      hints: new MemoryHints(),
      clock: systemClock,
      health: new RecordedHealth(),
      holder: 'node-1',
      leaseMs: 1_000,
      warn: () => {},
    });
    runner.start();
    await until(() => runner.state.is === 'poisoned');
    await runner.stop();
    expect(runner.state).toMatchObject({ poison: { event: { id, stream, revision: 0 } } });
  });

  it('refuses an append behind the greatest revision, and writes nothing', async () => {
    const stream = newStream();
    await insertByHand(stream, limits.revisionMax, newDelta().data);
    const head = await log.head();
    const neighbour = log.append(newStream(), 'none', [newDelta()]);
    await expect(log.append(stream, limits.revisionMax, [newDelta()])).rejects.toMatchObject({
      problem: 'revision-out-of-range',
    });
    expect(await neighbour).toMatchObject({ outcome: 'appended' });
    for await (const page of log.readStream(stream, { from: limits.revisionMax })) expect(page).toHaveLength(1);
    expect((await log.backlog(head, 10)).events).toBe(1);
  });

  it.each(['UPDATE log.events SET type = type', 'DELETE FROM log.events', 'TRUNCATE log.events'])(
    'refuses %s',
    async (statement) => {
      const change = withClient(postgres.connection, (client) => client.query(statement));
      await expect(change).rejects.toThrow('the log is append-only');
    },
  );
});
