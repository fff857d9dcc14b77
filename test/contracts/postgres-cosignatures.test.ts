import { PostgresCensus } from '../../src/adapters/postgres/postgres-census.js';
import { PostgresCheckpoints } from '../../src/adapters/postgres/postgres-checkpoints.js';
import { PostgresCosignatures } from '../../src/adapters/postgres/postgres-cosignatures.js';
import { PostgresRecord } from '../../src/adapters/postgres/postgres-record.js';
import { postgresStore } from '../support/postgres-store.js';
import { cosignaturesContract } from './cosignatures.contract.js';

cosignaturesContract('Postgres', () =>
  postgresStore((pool) => ({
    cosignatures: new PostgresCosignatures(pool),
    census: new PostgresCensus(pool),
    record: new PostgresRecord(pool),
    checkpoints: new PostgresCheckpoints(pool),
  })),
);
