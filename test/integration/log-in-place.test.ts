import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { LogOfViews } from '../../src/adapters/postgres/log-of-views.js';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { limits } from '../../src/limits.js';
import { LogWentBack } from '../../src/ports/continuity.js';
import { newDelta, newStream } from '../support/new-events.js';
import { startTestPostgres } from '../support/postgres-cluster.js';

let postgres: Awaited<ReturnType<typeof startTestPostgres>>;
beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres.stop());

describe('a log that is put back in place, on connections that stay open', () => {
  it('is noticed by the next read of its head', async () => {
    const log = new PostgresEventLog(postgres.connection);
    await log.append(newStream(), 'none', [newDelta()]);
    await log.append(newStream(), 'none', [newDelta()]);
    await log.head();
    const client = new pg.Client(postgres.connection);
    await client.connect();
    await client.query(`
      SET session_replication_role TO replica;
      DELETE FROM log.events WHERE position = (SELECT max(position) FROM log.events)`);
    await client.end();
    await expect(log.head()).rejects.toBeInstanceOf(LogWentBack);
    expect(log.continuity.isBroken).toBe(true);
    await log.close();
  });
});

describe('processes that start together', () => {
  it('wait for each other longer than a statement waits for a lock', async () => {
    const order: string[] = [];
    let begin = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const first = LogOfViews.alone(postgres.connection, async () => {
      begin();
      await sleep(limits.lockWaitMs + 1_000);
      order.push('first');
    });
    await begun;
    const second = LogOfViews.alone(postgres.connection, async () => void order.push('second'));
    await Promise.all([first, second]);
    expect(order).toEqual(['first', 'second']);
  });
});
