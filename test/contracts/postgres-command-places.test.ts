import { randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresCommandPlaces } from '../../src/adapters/postgres/postgres-command-places.js';
import { RetryableError } from '../../src/ports/errors.js';
import { startOwnPostgres } from '../support/postgres-cluster.js';
import { postgresStore } from '../support/postgres-store.js';
import { commandPlacesContract } from './command-places.contract.js';

commandPlacesContract('Postgres', () => postgresStore((pool) => new PostgresCommandPlaces(pool)));

const first = { stream: 'conversation-first', revision: 3 };
const late = { stream: 'conversation-late', revision: 0 };

it('command places in Postgres survive its immediate stop', async () => {
  const command = randomUUID();
  const postgres = await startOwnPostgres();
  const pool = new ConnectionPool(postgres.connection, 1, 10_000);
  await new PostgresCommandPlaces(pool).claim(command, first);
  await postgres.crash();
  await pool.close();

  const reopened = new ConnectionPool(postgres.connection, 1, 10_000);
  const places = new PostgresCommandPlaces(reopened);
  expect(await places.claim(command, late)).toEqual({ ...first, isNew: false });
  expect(await places.find(command)).toEqual(first);
  await reopened.close();
  await postgres.stop();
});

it('command places in an unavailable Postgres fail for now, and not for good', async () => {
  const pool = new ConnectionPool({ host: '/nowhere' }, 1, 1_000);
  const places = new PostgresCommandPlaces(pool);
  await expect(places.claim(randomUUID(), first)).rejects.toBeInstanceOf(RetryableError);
  await expect(places.find(randomUUID())).rejects.toBeInstanceOf(RetryableError);
  await pool.close();
});
