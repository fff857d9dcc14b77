import { afterAll, beforeAll } from '@jest/globals';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresBuilds } from '../../src/adapters/postgres/views/postgres-builds.js';
import { PostgresLaneStore } from '../../src/adapters/postgres/views/postgres-lane-store.js';
import { ViewReader } from '../../src/adapters/postgres/views/view-reader.js';
import { postgresViews } from '../../src/app/read-models.js';
import { startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';
import { readModelsContract } from './read-models.contract.js';

let postgres: TestPostgres;
let databases = 0;
beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres.stop());

readModelsContract('postgres', async () => {
  const database = `views_${databases++}`;
  const template = postgres.connection.database;
  await withClient({ ...postgres.connection, database: 'template1' }, (client) =>
    client.query(`CREATE DATABASE ${database} TEMPLATE ${template}`),
  );
  const pool = new ConnectionPool({ ...postgres.connection, database }, 8, 20_000);
  return {
    builds: new PostgresBuilds(pool),
    lanes: new PostgresLaneStore(pool),
    views: postgresViews(new ViewReader(pool)),
    destroy: () => pool.close(),
  };
});
