import { PostgresCheckpoints } from '../../src/adapters/postgres/postgres-checkpoints.js';
import { PostgresRecord } from '../../src/adapters/postgres/postgres-record.js';
import { postgresStore } from '../support/postgres-store.js';
import { recordContract } from './record.contract.js';

recordContract('Postgres', () =>
  postgresStore((pool) => ({ record: new PostgresRecord(pool), checkpoints: new PostgresCheckpoints(pool) })),
);
