import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { systemIds } from '../../src/adapters/system/system-ids.js';
import { type Engines, openEngines } from '../../src/app/engines.js';
import { loadConfig } from '../../src/config.js';
import { Keyring } from '../../src/keyring/keyring.js';
import { expectProblem } from '../support/expect-problem.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { databaseUrl, startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';
import { RecordedHealth } from '../support/recorded-health.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';
import { until } from '../support/until.js';

const ROTATION = '/api/v1/keys/rotate-master';

interface Rotation {
  readonly generation: number | null;
  readonly state: string;
  readonly keys: { readonly done: number; readonly total: number };
  readonly copiesUnreadableAt: string | null;
}

/** The keys as another process of the deployment has them. */
const keyringOn = async ({ valueKeys }: Engines): Promise<Keyring> =>
  new Keyring({
    ...{ store: valueKeys.store, generations: await valueKeys.open() },
    ...{ clock: systemClock, ids: systemIds, health: new RecordedHealth() },
  });

describe('the rotation of the master key', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  afterAll(() => postgres.stop());

  /** Two processes on databases and a data directory that they share. */
  async function withTwo(work: (one: HttpApp, other: Engines, dataDir: string) => Promise<void>): Promise<void> {
    const environment = {
      DATABASE_URL: databaseUrl(await postgres.newDatabase()),
      VERBATIM_KEYS_URL: databaseUrl(await postgres.newDatabase()),
    };
    await withTemporaryDirectory(async (dataDir) => {
      const config = loadConfig({ ...environment, VERBATIM_DATA_DIR: dataDir });
      const one = await startHttpApp(await openEngines(config, () => {}), environment);
      const other = await openEngines(config, () => {});
      try {
        await work(one, other, dataDir);
      } finally {
        await other.close();
        await one.close();
        await one.engines.close();
      }
    });
  }

  const call = async ({ call }: HttpApp, method: 'GET' | 'POST') => (await call(method, ROTATION)).json as Rotation;

  it('is begun by one request, completed in the background, and leaves the file of the new generation alone', async () => {
    await withTwo(async (one, other, dataDir) => {
      expect(await call(one, 'GET')).toEqual({
        ...{ generation: null, beganAt: null, state: 'done' },
        ...{ keys: { done: 0, total: 0 }, copiesUnreadableAt: null },
      });
      const keyring = await keyringOn(other);
      const before = await Promise.all(Array.from({ length: 100 }, async () => keyring.take()));
      const { status, json } = await one.call('POST', ROTATION);
      expect([status, (json as Rotation).generation]).toEqual([202, 2]);
      await until(async () => (await call(one, 'GET')).state === 'done');

      const { keys, copiesUnreadableAt, generation } = await call(one, 'GET');
      expect([generation, keys.done, typeof copiesUnreadableAt]).toEqual([2, keys.total, 'string']);
      expect(keys.total).toBeGreaterThanOrEqual(100);
      expect(await readdir(join(dataDir, 'master'))).toEqual(['2.key']);
      const after = await Promise.all(Array.from({ length: 100 }, async () => keyring.take()));
      const ids = [...before, ...after].map(({ id }) => id);
      for (const engines of [one.engines, other]) {
        const found = await (await keyringOn(engines)).find(ids);
        expect(ids.filter((id) => found.get(id)?.is !== 'living')).toEqual([]);
      }
    });
  });

  it('keeps the keys in the database of VERBATIM_KEYS_URL alone', async () => {
    const [main, keys] = [await postgres.newDatabase(), await postgres.newDatabase()];
    for (const each of [main, keys]) await withClient(each, (client) => client.query('DROP SCHEMA keys CASCADE'));
    await withTemporaryDirectory(async (dataDir) => {
      const urls = { DATABASE_URL: databaseUrl(main), VERBATIM_KEYS_URL: databaseUrl(keys) };
      const engines = await openEngines(loadConfig({ ...urls, VERBATIM_DATA_DIR: dataDir }), () => {});
      await (await keyringOn(engines)).take();
      await engines.close();
    });
    const tables = (connection: typeof main) =>
      withClient(connection, async (client) => {
        const { rows } = await client.query("SELECT tablename FROM pg_tables WHERE schemaname = 'keys' ORDER BY 1");
        return rows.map(({ tablename }) => tablename);
      });
    expect(await tables(main)).toEqual([]);
    expect(await tables(keys)).toEqual(['generations', 'keys', 'migrations', 'scopes']);
  });

  it('is for administrators of the installation', async () => {
    const app = await startHttpApp();
    const tenant = await app.call('POST', '/api/v1/tenants', { body: { name: 'Other' } });
    const { key } = tenant.json as { key: string };
    for (const each of [key, (await app.newKey('member')).key, (await app.newKey('auditor')).key]) {
      for (const method of ['GET', 'POST'] as const) {
        expectProblem(await app.call(method, ROTATION, { key: each }), 403, 'forbidden');
      }
    }
    expect(await app.engines.valueKeys.store.generations()).toEqual([]);
    await app.close();
  });
});
