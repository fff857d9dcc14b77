import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresBuilds } from '../../src/adapters/postgres/views/postgres-builds.js';
import { PostgresLaneStore } from '../../src/adapters/postgres/views/postgres-lane-store.js';
import { ViewReader } from '../../src/adapters/postgres/views/view-reader.js';
import { postgresViews } from '../../src/app/read-models.js';
import { findingOf } from '../../src/http/problem.js';
import { ReadModelLost } from '../../src/ports/read-models/read-models.js';
import { projections } from '../../src/projections/all.js';
import { ChatLog } from '../support/chat-log.js';
import { MemoryEventLog } from '../support/memory/memory-event-log.js';
import { startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';
import { startProjecting } from '../support/projecting.js';
import { until } from '../support/until.js';

describe('a read model whose table was dropped by hand', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  afterAll(() => postgres.stop());

  it('is reported, does not affect the others, and is back after a rebuild', async () => {
    const connection = await postgres.newDatabase();
    const pool = new ConnectionPool(connection, 8, 20_000);
    const stores = {
      builds: new PostgresBuilds(pool),
      lanes: new PostgresLaneStore(pool),
      views: postgresViews(new ViewReader(pool)),
    };
    const log = new MemoryEventLog();
    const projecting = await startProjecting(log, stores);
    const ask = { scope: { tenant: 'default' }, rowsMax: 9 };
    const runs = async () => (await stores.views.runs.list(ask)).map(({ id }) => id);
    const poison = async () =>
      (await stores.builds.list()).find(({ projection }) => projection === 'runs')?.poison?.reason;
    try {
      const chat = await new ChatLog(log).started();
      await chat.turn('1', ['x']);
      await projecting.caughtUp();
      expect(await runs()).toEqual(['g1']);

      await withClient(connection, (client) => client.query('DROP TABLE views.runs_1 CASCADE'));
      const lost = await runs().catch((error) => error);
      expect(lost).toBeInstanceOf(ReadModelLost);
      expect(findingOf(lost)).toMatchObject({ code: 'view_unavailable' });
      await chat.turn('2', ['y']);
      await until(async () => (await poison()) !== undefined);
      expect(await poison()).toContain('rebuild it');
      expect(await stores.views.conversations.list({ ...ask, archived: false })).toHaveLength(1);

      const shape = projections.find(({ name }) => name === 'runs') as never;
      expect(await stores.builds.begin(shape)).toBe(true);
      projecting.host.wake();
      await until(async () => (await stores.builds.list()).every(({ state }) => state === 'live'));
      expect(await runs()).toEqual(['g2', 'g1']);
    } finally {
      await projecting.stop();
      await pool.close();
    }
  });
});
