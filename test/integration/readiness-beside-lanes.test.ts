import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Engines, openEngines } from '../../src/app/engines.js';
import { loadConfig } from '../../src/config.js';
import { Readiness } from '../../src/http/readiness.js';
import { limits } from '../../src/limits.js';
import type { Build } from '../../src/ports/read-models/read-models.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { databaseUrl, startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';
import { until } from '../support/until.js';

let postgres: TestPostgres;
let engines: Engines;
let app: HttpApp;
let answers = 0;
beforeAll(async () => {
  postgres = await startTestPostgres();
  engines = await openEngines(loadConfig({ DATABASE_URL: databaseUrl(postgres.connection) }), () => {});
  const list = engines.buildStates.list.bind(engines.buildStates);
  engines.buildStates.list = async () => {
    const states = await list();
    answers += 1;
    return states;
  };
  app = await startHttpApp(engines, { VERBATIM_ROLES: 'api' });
});
afterAll(async () => {
  await app.close();
  await engines.close();
  await postgres.stop();
});

it('a process is ready and reports its projections while lanes hold all connections for steps', async () => {
  app.app.get(Readiness).serve();
  const build = (await engines.builds.list())[0] as Build;
  await withClient(postgres.connection, async (other) => {
    // Of the statement and not of a row: a wait for a lock would end after some seconds.
    await other.query(`CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;
      CREATE TRIGGER slow BEFORE UPDATE ON views.builds EXECUTE FUNCTION public.slow()`);
    const slow = `FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()`;
    const opened = Array.from({ length: limits.viewConnectionsMax }, () => engines.lanes.open(build, 1));
    const ends = Promise.allSettled(opened);
    try {
      await until(async () => (await other.query(`SELECT 1 ${slow}`)).rowCount === limits.viewConnectionsMax);
      expect((await app.call('GET', '/api/v1/projections')).status).toBe(200);
      // Both surveys have asked again.
      const before = answers;
      await until(() => answers >= before + 4);
      const { json } = await app.call('GET', '/health/ready', { key: null });
      expect(json).toMatchObject({ checks: { readModels: 'ok', projections: 'ok' } });
      expect((await other.query(`SELECT 1 ${slow}`)).rowCount).toBe(limits.viewConnectionsMax);
    } finally {
      await other.query(`SELECT pg_cancel_backend(pid) ${slow}`);
      await ends;
    }
  });
}, 50_000);
