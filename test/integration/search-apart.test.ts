import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresBuilds } from '../../src/adapters/postgres/views/postgres-builds.js';
import { PostgresLaneStore } from '../../src/adapters/postgres/views/postgres-lane-store.js';
import { ViewReader } from '../../src/adapters/postgres/views/view-reader.js';
import { postgresViews } from '../../src/app/read-models.js';
import { TimedOut } from '../../src/ports/errors.js';
import { projections } from '../../src/projections/all.js';
import { ChatLog } from '../support/chat-log.js';
import { MemoryEventLog } from '../support/memory/memory-event-log.js';
import { startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';
import { startProjecting } from '../support/projecting.js';

const SEARCHES = 8;

describe('searches that take long', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  afterAll(() => postgres.stop());

  it('keep no lane and no list waiting, and are ended by the server', async () => {
    const log = new MemoryEventLog();
    // One connection for everything else: a search that took it would stop the lanes.
    const pool = new ConnectionPool(postgres.connection, 1, 20_000);
    const search = new ConnectionPool(postgres.connection, 2, 60_000, async (client) => {
      await client.query('SET statement_timeout = 2000');
    });
    const stores = {
      builds: new PostgresBuilds(pool),
      lanes: new PostgresLaneStore(pool),
      views: postgresViews(new ViewReader(pool, search)),
    };
    const projecting = await startProjecting(log, stores);
    await (await new ChatLog(log).started('before')).turn('1', ['Hello']);
    await projecting.caughtUp();
    // Every search takes longer than the server lets it.
    await withClient(postgres.connection, (client) =>
      client.query('CREATE OR REPLACE VIEW views.said AS SELECT s.* FROM views.said_1 s, pg_sleep(60)'),
    );
    const scope = { tenant: 'default', owner: 'ada' };
    const list = { scope, archived: false, rowsMax: 9 };
    let ended = 0;
    const searches = Array.from({ length: SEARCHES }, () =>
      stores.views.conversations.list({ ...list, words: 'hello' }).catch((error) => {
        ended += 1;
        return error;
      }),
    );
    await (await new ChatLog(log).started('while they search')).turn('1', ['Hello']);
    await projecting.caughtUp();
    expect(await stores.views.conversations.list(list)).toHaveLength(2);
    expect(await stores.builds.list()).toHaveLength(projections.length);
    // The last of them cannot have ended before the first two have.
    expect(ended).toBeLessThan(SEARCHES);
    for (const end of await Promise.all(searches)) expect(end).toBeInstanceOf(TimedOut);
    await projecting.stop();
    await search.close();
    await pool.close();
  }, 60_000);
});
