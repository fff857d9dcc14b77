import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresLeases } from '../../src/adapters/postgres/postgres-leases.js';
import { PostgresBuilds } from '../../src/adapters/postgres/views/postgres-builds.js';
import { PostgresLaneStore } from '../../src/adapters/postgres/views/postgres-lane-store.js';
import { ViewReader } from '../../src/adapters/postgres/views/view-reader.js';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { postgresViews } from '../../src/app/read-models.js';
import { ReadModelLost } from '../../src/ports/read-models/read-models.js';
import { Advances } from '../../src/projections/advances.js';
import { projections as newer } from '../../src/projections/all.js';
import { conversations as conversationList } from '../../src/projections/conversations/projection.js';
import { conversationsTable } from '../../src/projections/conversations/rows.js';
import type { Projection } from '../../src/projections/projection.js';
import { ListCoverage } from '../../src/projections/queries/list-coverage.js';
import { Shown } from '../../src/projections/queries/shown.js';
import { NewerVersionRunning, Rebuilds } from '../../src/projections/rebuilds.js';
import { runs as runList } from '../../src/projections/runs/projection.js';
import { ChatLog } from '../support/chat-log.js';
import { MemoryEventLog } from '../support/memory/memory-event-log.js';
import { MemoryHints } from '../support/memory/memory-hints.js';
import { startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';
import { type Projecting, startProjecting } from '../support/projecting.js';
import { until } from '../support/until.js';

const scope = { tenant: 'default' };
const CHATS_BESIDE_A_BUILD = 60;
const OLD_WORDS = 'written by the older version';

/** The definitions of an older release: other versions, and other rows. */
const older: readonly Projection[] = newer.map((projection) => ({
  ...projection,
  version: projection.version - 1,
  apply(rows, event) {
    projection.apply(rows, event);
    if (projection.name !== 'conversations' || event.type !== 'ConversationStarted') return;
    const id = event.meta.conversation ?? '';
    const row = rows.get(conversationsTable, id);
    if (row) rows.put(conversationsTable, id, { ...row, lastMessage: OLD_WORDS });
  },
}));

describe('processes of two versions on one database', () => {
  let postgres: TestPostgres;
  let connection: pg.ClientConfig;
  let log: MemoryEventLog;
  const pools: ConnectionPool[] = [];
  const running: Projecting[] = [];
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  afterAll(() => postgres.stop());
  beforeEach(async () => {
    connection = await postgres.newDatabase();
    log = new MemoryEventLog();
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((each) => each.stop()));
    await Promise.all(pools.splice(0).map((pool) => pool.close()));
  });

  function storesOf() {
    const pool = new ConnectionPool(connection, 6, 20_000);
    pools.push(pool);
    const leases = new PostgresLeases(pool);
    return {
      leases,
      builds: new PostgresBuilds(pool),
      lanes: new PostgresLaneStore(pool),
      views: postgresViews(new ViewReader(pool)),
    };
  }
  async function start(projections: readonly Projection[], holder: string, leaseMs = 1_000) {
    const stores = storesOf();
    const projecting = await startProjecting(log, stores, { projections, holder, leaseMs, leases: stores.leases });
    running.push(projecting);
    return { ...stores, ...projecting };
  }
  const sql = (text: string) => withClient(connection, (client) => client.query(text));
  const liveVersions = async (builds: PostgresBuilds) =>
    (await builds.list()).flatMap(({ state, version }) => (state === 'live' ? [version] : []));
  const versionsOf = (projections: readonly Projection[]) => projections.map(({ version }) => version);
  const chats = async (count: number) => {
    for (let nth = 0; nth < count; nth++) await (await new ChatLog(log).started('talk')).turn('1', ['Hello']);
  };

  it('fill each their own build; the newer goes live while the older read on, and nothing goes back', async () => {
    await chats(20);
    const old = await start(older, 'old');
    await old.caughtUp();
    expect(await liveVersions(old.builds)).toEqual(versionsOf(older));
    // The older release had its columns in another order, as before one was added in their middle.
    await sql(`DROP VIEW views.conversations;
      CREATE VIEW views.conversations AS SELECT doc, updated_at, archived, owner, tenant, key, seen, claimed
      FROM views.conversations_1`);
    const others = [await start(older, 'old-2'), await start(older, 'old-3')];

    let reading = true;
    const counts: number[] = [];
    const read = (async () => {
      while (reading) {
        counts.push((await old.views.conversations.list({ scope, archived: false, rowsMax: 200 })).length);
        // Where readers are faster than the new build, it would never reach the end of a log that grows with each read.
        if (counts.length <= CHATS_BESIDE_A_BUILD) await chats(1);
      }
    })();
    const young = await start(newer, 'young');
    await until(async () => (await liveVersions(young.builds)).join() === versionsOf(newer).join());
    const atSwap = counts.length;
    await until(() => counts.length > atSwap + 5);
    reading = false;
    await read;
    expect(counts).toEqual([...counts].sort((one, other) => one - other));

    // The rows that are read were made by the newer rules alone.
    await until(async () => {
      const rows = await young.views.conversations.list({ scope, archived: false, rowsMax: 200 });
      return rows.every(({ open }) => open === null);
    });
    await chats(1);
    await until(
      async () => (await young.views.conversations.list({ scope, archived: false, rowsMax: 200 })).length > 0,
    );
    const rows = await young.views.conversations.list({ scope, archived: false, rowsMax: 200 });
    expect(rows.filter(({ lastMessage }) => lastMessage === OLD_WORDS)).toEqual([]);

    // An older process that starts again, or is asked for a rebuild, leaves the newer version live.
    const again = await start(older, 'old-again');
    expect(await again.builds.begin(older[0] as Projection)).toBe(false);
    for (const { host } of [again, old, ...others]) host.wake();
    expect((await again.builds.list()).map(({ version, state }) => [version, state])).toEqual(
      versionsOf(newer).map((version) => [version, 'live']),
    );
    expect([old, young, again, ...others].flatMap(({ warnings }) => warnings)).toEqual([]);
  });

  it('an operator rebuilds the older version after a rollback, once the newer processes are gone', async () => {
    // On a busy machine a process may renew a short lease too late, and would count as gone.
    const young = await start(newer, 'young', 60_000);
    await chats(3);
    await young.caughtUp();
    const old = await start(older, 'old');
    const shapes = older;
    const rebuilds = new Rebuilds(shapes, old.builds, old.leases, () => old.host.wake());
    for (const { name } of older) await expect(rebuilds.begin(name)).rejects.toThrow(NewerVersionRunning);
    expect(await liveVersions(old.builds)).toEqual(versionsOf(newer));

    await young.stop();
    await chats(1);
    for (const { name } of older) await rebuilds.begin(name);
    await until(async () => (await liveVersions(old.builds)).join() === versionsOf(older).join());
    await chats(1);
    const listed = () => old.views.conversations.list({ scope, archived: false, rowsMax: 200 });
    await until(async () => (await listed()).length === 5);
    expect(old.warnings).toEqual([]);

    // The next upgrade makes its builds anew.
    const again = await start(newer, 'young-again');
    await until(async () => (await liveVersions(again.builds)).join() === versionsOf(newer).join());
  });

  it('list from the older build before it is replaced, although it lacks the coverage columns', async () => {
    const old = await start(older, 'old');
    await chats(1);
    await old.caughtUp();
    await sql(`DROP VIEW views.ledgers;
      DROP VIEW views.conversations;
      CREATE VIEW views.conversations AS SELECT key, tenant, owner, archived, updated_at, doc FROM views.conversations_1`);
    const { views } = storesOf();
    const ada = { tenant: 'default', user: 'ada', role: 'member' as const };
    const shown = new Shown();
    const coverage = new ListCoverage({
      views,
      shown,
      clock: systemClock,
      advances: new Advances(new MemoryHints(), systemClock),
    });
    const place = { ledger: 1, tape: 0 };
    shown.note(ada, 'just started', place);
    for (const list of [conversationList, runList]) {
      await coverage.wait(list, ada, undefined);
      // Still unsettled: the list waits for it as soon as the newer build is live.
      expect(shown.unsettled(ada, list.name).size).toBe(1);
      const least = { conversation: 'just started', place };
      await expect(coverage.wait(list, ada, least)).rejects.toBeInstanceOf(ReadModelLost);
    }
    expect(await views.conversations.list({ scope, archived: false, rowsMax: 9 })).toHaveLength(1);
    expect(await views.runs.list({ scope, rowsMax: 9 })).toHaveLength(1);
  });

  it('go live also where a reader holds a view: the swap is tried again, and others read meanwhile', async () => {
    const old = await start(older, 'old');
    await chats(5);
    await old.caughtUp();
    await withClient(connection, async (reader) => {
      await reader.query('BEGIN; SELECT count(*) FROM views.heads');
      const young = await start(newer, 'young');
      const isLive = async (name: string, version: number) =>
        (await young.builds.list()).some(
          (each) => each.projection === name && each.version === version && each.state === 'live',
        );
      // Its own swap waits; those of the others do not wait for it.
      for (const { name, version } of newer) {
        if (name !== 'messages') await until(() => isLive(name, version));
      }
      const messages = newer.find(({ name }) => name === 'messages')?.version ?? 0;
      expect(await isLive('messages', messages)).toBe(false);
      expect(await old.views.messages.head('nobody')).toBeUndefined();
      await reader.query('COMMIT');
      await until(() => isLive('messages', messages));
      expect(young.warnings).toEqual([]);
    });
  });
});
