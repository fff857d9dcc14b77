import { afterAll, beforeAll } from '@jest/globals';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresCheckpoints } from '../../src/adapters/postgres/postgres-checkpoints.js';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { PostgresLeases } from '../../src/adapters/postgres/postgres-leases.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres-cluster.js';
import { subscriptionRunnerContract } from './subscription-runner.contract.js';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres.stop());

subscriptionRunnerContract('Postgres', async () => {
  const connection = await postgres.newDatabase();
  const pool = new ConnectionPool(connection, 4, 5_000);
  const log = new PostgresEventLog(connection);
  return {
    log,
    checkpoints: new PostgresCheckpoints(pool),
    leases: new PostgresLeases(pool),
    async destroy() {
      await log.close();
      await pool.close();
    },
  };
});
