import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { START } from '../../src/events/envelope.js';
import { limits } from '../../src/limits.js';
import type { AppendOutcome } from '../../src/ports/event-log.js';
import { follow } from '../contracts/event-log/subscribe.js';
import { type CuttingProxy, startCuttingProxy } from '../support/cutting-proxy.js';
import { onlyUsually, usually } from '../support/extent.js';
import { withJournalWriters } from '../support/journal-writers.js';
import { newDelta, newDeltas, newStream, wholeStream } from '../support/new-events.js';
import { type OwnPostgres, startOwnPostgres, withClient } from '../support/postgres-cluster.js';
import { until } from '../support/until.js';

const CRASHES = usually(3, 10);
const ACKNOWLEDGED_BETWEEN_CRASHES = usually(100, 300);
const LOST_ANSWERS = usually(5, 20);

describe('a log whose Postgres goes away', () => {
  let postgres: OwnPostgres;
  let log: PostgresEventLog;

  beforeEach(async () => {
    postgres = await startOwnPostgres({ fsync: true });
    log = new PostgresEventLog(postgres.connection);
  });
  afterEach(async () => {
    await log.close();
    await postgres.stop();
  });

  it(`keeps every acknowledged event, once, through ${CRASHES} crashes under load, and shows it to a subscriber`, async () => {
    const subscriber = follow(log, START);
    await withJournalWriters(log, 32, async (writers) => {
      for (let crash = 0; crash < CRASHES; crash++) {
        const before = writers.acknowledged;
        await until(() => writers.acknowledged >= before + ACKNOWLEDGED_BETWEEN_CRASHES);
        await postgres.crash();
      }
      const before = writers.acknowledged;
      await until(() => writers.acknowledged >= before + ACKNOWLEDGED_BETWEEN_CRASHES);
      await writers.stop();

      for (const [stream, ids] of writers.journal) {
        expect((await wholeStream(log, stream)).map(({ id }) => id)).toEqual(ids);
      }
      await until(() => subscriber.ids().length >= writers.acknowledged);
      await subscriber.stop();
      expect(subscriber.ids()).toHaveLength(writers.acknowledged);
      expect(new Set(subscriber.ids()).size).toBe(writers.acknowledged);
      const [positions] = await withClient(postgres.connection, async (client) => {
        const { rows } = await client.query('SELECT count(*) AS count, max(position) AS last FROM log.events');
        return rows;
      });
      expect(positions.count).toBe(positions.last);
    });
  });
});

describe('a log that loses answers', () => {
  let postgres: OwnPostgres;
  let proxy: CuttingProxy;
  let log: PostgresEventLog;

  beforeEach(async () => {
    postgres = await startOwnPostgres();
    proxy = await startCuttingProxy(postgres.connection);
    log = new PostgresEventLog(proxy.connection);
  });
  afterEach(async () => {
    await log.close();
    await proxy.stop();
    await postgres.stop();
  });

  onlyUsually(() =>
    it('does not double an append that it had to repeat', async () => {
      const stream = newStream();
      const events = newDeltas(3);
      proxy.loseAnswers(1);
      expect(await log.append(stream, 'none', events)).toMatchObject({ outcome: 'already-there', revision: 2 });
      expect(proxy.lost).toBe(1);
      expect((await wholeStream(log, stream)).map(({ id }) => id)).toEqual(events.map(({ id }) => id));
    }),
  );

  it('does not double anything under load', async () => {
    await withJournalWriters(log, 32, async (writers) => {
      for (let nth = 0; nth < LOST_ANSWERS; nth++) {
        proxy.loseAnswers(1);
        const before = writers.acknowledged;
        await until(() => proxy.lost > nth && writers.acknowledged > before + 50);
      }
      await writers.stop();
      expect(proxy.lost).toBe(LOST_ANSWERS);
      for (const [stream, ids] of writers.journal) {
        expect((await wholeStream(log, stream)).map(({ id }) => id)).toEqual(ids);
      }
    });
  });
});

onlyUsually(() =>
  describe('a log whose Postgres is not there', () => {
    it('fails at once beyond a bound, and the rest in time', async () => {
      const log = new PostgresEventLog({ host: '/nowhere', user: 'postgres', database: 'postgres' });
      const settled: AppendOutcome[] = [];
      const submit = () => log.append(newStream(), 'none', [newDelta()]).then((outcome) => void settled.push(outcome));
      const accepted = Array.from({ length: limits.commitQueueTenantShare * limits.commitQueueAppendsMax }, submit);
      const beyond = Array.from({ length: 100 }, submit);
      await Promise.all(beyond);
      expect(settled).toEqual(beyond.map(() => ({ outcome: 'unavailable', maybeWritten: false })));
      await Promise.all(accepted);
      expect(settled.every(({ outcome }) => outcome === 'unavailable')).toBe(true);
      await log.close();
    });
  }),
);
