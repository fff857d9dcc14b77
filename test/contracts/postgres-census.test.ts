import { PostgresCensus } from '../../src/adapters/postgres/postgres-census.js';
import { PostgresCheckpoints } from '../../src/adapters/postgres/postgres-checkpoints.js';
import { PostgresRecord } from '../../src/adapters/postgres/postgres-record.js';
import { postgresStore } from '../support/postgres-store.js';
import { censusContract } from './census.contract.js';

censusContract('Postgres', () =>
  postgresStore((pool) => ({
    census: new PostgresCensus(pool),
    record: new PostgresRecord(pool),
    checkpoints: new PostgresCheckpoints(pool),
  })),
);
