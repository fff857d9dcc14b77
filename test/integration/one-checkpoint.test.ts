import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { migrate } from '../../src/adapters/postgres/migrate.js';
import { PostgresLeases } from '../../src/adapters/postgres/postgres-leases.js';
import { PostgresBuilds } from '../../src/adapters/postgres/views/postgres-builds.js';
import { PostgresLaneStore } from '../../src/adapters/postgres/views/postgres-lane-store.js';
import type { Position } from '../../src/events/envelope.js';
import type { BuildState } from '../../src/ports/read-models/read-models.js';
import { projections } from '../../src/projections/all.js';
import { leaseOf } from '../../src/projections/lane-key.js';
import { createOldDatabase } from '../support/old-log.js';
import { startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';

const AT = '0000000000000000042' as Position;
const LATER = '0000000000000000043' as Position;
const PARKED = { stream: 'conversation-1', at: '2026-01-01T00:00:00.000Z', poison: { reason: 'damaged' } };

/** As release 0.1 left one read model: a lane that seven owners had, a parked stream, and a build that is retired. */
const left = (projection: string, version: number) => `
  INSERT INTO views.builds VALUES ('${projection}', 1, ${version}, 1, 'retired'), ('${projection}', 2, ${version}, 1, 'live');
  INSERT INTO views.lanes VALUES ('${projection}', 1, 0, 3, '', 0, NULL),
    ('${projection}', 2, 0, 7, '${AT}', 41, '{"reason":"stopped"}');
  INSERT INTO views.parked VALUES ('${projection}', 2, 0, '${PARKED.stream}', '${PARKED.at}', '{"reason":"damaged"}', true);
  INSERT INTO runtime.leases VALUES ('projection ${projection} 2 0', 'a process', 7, '-infinity');`;

describe('read models of release 0.1 after the migration', () => {
  let postgres: TestPostgres;
  let connection: pg.ClientConfig;
  let databases = 0;
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  afterAll(() => postgres.stop());
  beforeEach(async () => {
    connection = await createOldDatabase(postgres.connection, `old_views_${++databases}`);
    await sql(projections.map(({ name, version }) => left(name, version)).join(''));
    await migrate(connection);
  });

  const sql = (text: string) => withClient(connection, (client) => client.query(text));
  const withPool = async <T>(work: (pool: ConnectionPool) => Promise<T>): Promise<T> => {
    const pool = new ConnectionPool(connection, 2, 20_000);
    try {
      return await work(pool);
    } finally {
      await pool.close();
    }
  };

  it('have their checkpoints, reasons and parked streams, and are not built again', async () => {
    const states = await withPool(async (pool) => {
      const builds = new PostgresBuilds(pool);
      await builds.prepare(projections);
      return builds.list();
    });
    expect(states).toEqual(
      projections.map(({ name, version }) => ({
        ...{ projection: name, build: 2, version, state: 'live', position: AT, handled: 41 },
        ...{ poison: { reason: 'stopped' }, parked: [{ ...PARKED, replaying: true }] },
      })),
    );
  });

  it('continue from their checkpoints under a new owner', async () => {
    await withPool(async (pool) => {
      const lanes = new PostgresLaneStore(pool);
      const [build] = (await new PostgresBuilds(pool).list()) as [BuildState];
      const lease = await new PostgresLeases(pool).acquire(leaseOf(build), 'a new process', 1_000);
      const opened = await lanes.open(build, lease?.epoch ?? 0);
      expect(opened).toEqual({ position: AT, handled: 41, parked: new Set([PARKED.stream]) });
      expect(await lanes.toReplay(build)).toEqual([PARKED.stream]);
      const step = { from: AT, to: LATER, handled: 42, changes: [], unparked: PARKED.stream };
      expect(await lanes.commit(build, lease?.epoch ?? 0, step)).toBe(true);
      expect(await lanes.open(build, 9)).toEqual({ position: LATER, handled: 42, parked: new Set() });
    });
    const { rows } = await sql("SELECT name FROM runtime.leases WHERE name LIKE 'projection %'");
    expect(rows).toEqual([{ name: `projection ${projections[0]?.name} (build 2)` }]);
  });
});
