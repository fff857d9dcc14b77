import type pg from 'pg';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresLeases } from '../../src/adapters/postgres/postgres-leases.js';
import { PostgresBuilds } from '../../src/adapters/postgres/views/postgres-builds.js';
import { PostgresLaneStore } from '../../src/adapters/postgres/views/postgres-lane-store.js';
import { ViewReader } from '../../src/adapters/postgres/views/view-reader.js';
import { postgresViews } from '../../src/app/read-models.js';
import type { EventLog } from '../../src/ports/event-log.js';
import { projections } from '../../src/projections/all.js';
import { startProjecting } from './projecting.js';
import { until } from './until.js';
import { differences } from './view-rows.js';

/** Of all that half an hour under load has left. */
const REBUILD_MS = 240_000;

/** Applies the whole log to the read models of a database, rebuilds each, and returns the differences. */
export async function rebuildDifferences(connection: pg.ClientConfig, log: EventLog): Promise<string[]> {
  const pool = new ConnectionPool(connection, 8, 20_000);
  const stores = {
    builds: new PostgresBuilds(pool),
    lanes: new PostgresLaneStore(pool),
    views: postgresViews(new ViewReader(pool)),
  };
  const projecting = await startProjecting(log, stores, { leases: new PostgresLeases(pool), holder: 'the checker' });
  const liveBuilds = async () =>
    new Map(
      (await stores.builds.list()).flatMap((each) => (each.state === 'live' ? [[each.projection, each.build]] : [])),
    );
  try {
    await projecting.caughtUp();
    const before = await liveBuilds();
    for (const projection of projections) await stores.builds.begin(projection);
    projecting.host.wake();
    const isRebuilt = async () => [...(await liveBuilds())].every(([name, build]) => build !== before.get(name));
    await until(isRebuilt, REBUILD_MS);
    const ask = async (sql: string) =>
      (await pool.query<[unknown]>({ text: sql, rowMode: 'array' })).map(([row]) => row);
    const found: string[] = projecting.warnings.map((warning) => JSON.stringify(warning));
    for (const [name, build] of await liveBuilds()) {
      found.push(...(await differences(ask, String(name), Number(before.get(name)), Number(build))));
    }
    return found;
  } finally {
    await projecting.stop();
    await pool.close();
  }
}
