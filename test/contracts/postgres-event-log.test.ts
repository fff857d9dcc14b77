import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { usually } from '../support/extent.js';
import { type Hold, heldLog } from '../support/held-log.js';
import { startTestPostgres } from '../support/postgres-cluster.js';
import { eventLogContract } from './event-log.contract.js';

const createStore = async () => {
  const postgres = await startTestPostgres();
  return {
    open: async (hold?: Hold) => heldLog(new PostgresEventLog(postgres.connection), hold),
    destroy: () => postgres.stop(),
  };
};

eventLogContract(
  'Postgres',
  createStore,
  { eventsAtOnce: usually(10_000, 50_000) },
  usually('everything', 'concurrency'),
);
