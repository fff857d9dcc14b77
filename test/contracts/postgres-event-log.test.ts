import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { startTestPostgres } from '../support/postgres-cluster.js';
import { eventLogContract } from './event-log.contract.js';

eventLogContract('Postgres', async () => {
  const postgres = await startTestPostgres();
  return {
    open: async () => new PostgresEventLog(postgres.connection),
    destroy: () => postgres.stop(),
  };
});
