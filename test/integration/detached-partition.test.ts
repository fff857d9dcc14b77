import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { type Position, START } from '../../src/events/envelope.js';
import { LogUnavailable, TerminalError } from '../../src/ports/errors.js';
import type { ReadStreamOptions } from '../../src/ports/event-log.js';
import { follow } from '../contracts/event-log/subscribe.js';
import { newDelta, newStream, wholeStream } from '../support/new-events.js';
import { startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';
import { divideLog } from '../support/small-partitions.js';
import { until } from '../support/until.js';

/** More than a page of a read. */
const OLD_EVENTS = 3_000;
const OLD = 'generation-old';

describe('a log whose oldest partition is detached', () => {
  let postgres: TestPostgres;
  let connection: TestPostgres['connection'];
  let log: PostgresEventLog;
  /** Of an event in that partition. */
  let within: Position;
  const recent = newStream();

  const sql = (text: string) => withClient(connection, async (client) => (await client.query(text)).rows);
  const detach = () => sql('ALTER TABLE log.events DETACH PARTITION log.events_1 CONCURRENTLY');
  const attach = () =>
    sql(`ALTER TABLE log.events ATTACH PARTITION log.events_1 FOR VALUES FROM (1) TO (${OLD_EVENTS + 1})`);

  beforeAll(async () => {
    postgres = await startTestPostgres();
    connection = await postgres.newDatabase();
    await divideLog(connection, OLD_EVENTS + 1, 2 * OLD_EVENTS);
    await sql(`
      INSERT INTO log.events (position, stream, revision, id, type, schema, tenant, at, data, meta, bytes)
      SELECT n, '${OLD}', n - 1, gen_random_uuid(), 'DeltaReceived', 1, 't', now(), '{}', '{}', 4
      FROM generate_series(1, ${OLD_EVENTS}) n;
      INSERT INTO log.streams (stream, tenant, revision, first, last) VALUES ('${OLD}', 't', ${OLD_EVENTS - 1}, 1, ${OLD_EVENTS})`);
    log = new PostgresEventLog(connection);
    await log.append(OLD, OLD_EVENTS - 1, [newDelta()]);
    await log.append(recent, 'none', [newDelta()]);
    for await (const { events } of log.readAll(START)) {
      within = events[1_000]?.position as Position;
      break;
    }
    await detach();
  });
  afterAll(async () => {
    await log.close();
    await postgres.stop();
  });

  async function revisions(options: ReadStreamOptions): Promise<number[]> {
    const found: number[] = [];
    for await (const page of log.readStream(OLD, options)) found.push(...page.map(({ revision }) => revision));
    return found;
  }

  async function readAll(categories?: readonly string[]): Promise<number> {
    let count = 0;
    for await (const { events } of log.readAll(START, categories && { categories })) count += events.length;
    return count;
  }

  it('reads and appends what is in the attached partitions', async () => {
    expect(await wholeStream(log, recent)).toHaveLength(1);
    expect(await log.append(recent, 0, [newDelta()])).toMatchObject({ outcome: 'appended', revision: 1 });
    expect(await revisions({ from: OLD_EVENTS })).toEqual([OLD_EVENTS]);
    expect(await revisions({ direction: 'backwards', eventsMax: 1 })).toEqual([OLD_EVENTS]);
    expect(await revisions({ from: OLD_EVENTS + 1 })).toEqual([]);
    expect(await log.append(newStream(), 'none', [newDelta()])).toMatchObject({ outcome: 'appended' });
    expect(await log.append(OLD, 'none', [newDelta()])).toEqual({ outcome: 'conflict', revision: OLD_EVENTS });
  });

  it.each<[string, ReadStreamOptions, number]>([
    ['from its first event', {}, 0],
    ['from an event in the partition', { from: OLD_EVENTS - 1 }, OLD_EVENTS - 1],
    ['backwards from its last event', { direction: 'backwards' }, OLD_EVENTS - 1],
    ['backwards from an event in the partition', { direction: 'backwards', from: 7 }, 7],
  ])('refuses to read a stream %s as if it were shorter', async (_which, options, revision) => {
    const reading = revisions(options);
    await expect(reading).rejects.toThrow(
      `the log lacks event ${revision} of ${OLD}: the partition that holds it is not attached, or it was deleted`,
    );
    await expect(reading).rejects.toBeInstanceOf(LogUnavailable);
    expect(log.continuity.isBroken).toBe(false);
  });

  it.each([[undefined], [['generation']], [['conversation']]])(
    'refuses to read all streams from the start, so no view is rebuilt without its events (categories %j)',
    async (categories) => {
      const reading = readAll(categories);
      await expect(reading).rejects.toThrow('the log lacks events behind position 0');
      await expect(reading).rejects.toBeInstanceOf(TerminalError);
    },
  );

  it('does not count as a log that went back for a reader that knows a position in it', async () => {
    await expect(log.holds(within)).rejects.toThrow('the partition of position 1001 is not attached to the log');
    await expect(log.holds(within)).rejects.toBeInstanceOf(LogUnavailable);
    expect(await log.holds(await log.head())).toBe(true);
    expect(log.continuity.isBroken).toBe(false);
  });

  it('is read whole again once the partition is attached, also by a subscriber that has waited for it', async () => {
    const subscriber = follow(log, within);
    await attach();
    await until(() => subscriber.pages.at(-1)?.live === true);
    await subscriber.stop();
    expect(await readAll()).toBe(subscriber.ids().length + 1_001);
    expect(await revisions({})).toEqual([...Array(OLD_EVENTS + 1).keys()]);
    expect(await log.holds(within)).toBe(true);
  });
});
