import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresCheckpoints } from '../../src/adapters/postgres/postgres-checkpoints.js';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { PostgresLeases } from '../../src/adapters/postgres/postgres-leases.js';
import { startTestPostgres } from '../support/postgres-cluster.js';
import { subscriptionRunnerContract } from './subscription-runner.contract.js';

subscriptionRunnerContract('Postgres', async () => {
  const postgres = await startTestPostgres();
  const pool = new ConnectionPool(postgres.connection, 4, 5_000);
  const log = new PostgresEventLog(postgres.connection);
  return {
    log,
    checkpoints: new PostgresCheckpoints(pool),
    leases: new PostgresLeases(pool),
    async destroy() {
      await log.close();
      await pool.close();
      await postgres.stop();
    },
  };
});
