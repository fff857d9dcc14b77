import { expect, it } from '@jest/globals';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresCommandPlaces } from '../../src/adapters/postgres/postgres-command-places.js';
import { RetryableError } from '../../src/ports/errors.js';
import { startTestPostgres } from '../support/postgres-cluster.js';
import { postgresStore } from '../support/postgres-store.js';
import { commandPlacesContract } from './command-places.contract.js';

commandPlacesContract('Postgres', () => postgresStore((pool) => new PostgresCommandPlaces(pool)));

it('command places in Postgres survive its immediate stop', async () => {
  const postgres = await startTestPostgres();
  const pool = new ConnectionPool(postgres.connection, 1, 10_000);
  await new PostgresCommandPlaces(pool).claim('claimed', 'first');
  await new PostgresCommandPlaces(pool).claim('moved', 'first');
  await new PostgresCommandPlaces(pool).move('moved', 'first', 'next');
  await postgres.crash();
  await pool.close();

  const reopened = new ConnectionPool(postgres.connection, 1, 10_000);
  const places = new PostgresCommandPlaces(reopened);
  expect(await places.claim('claimed', 'late')).toBe('first');
  expect(await places.claim('moved', 'late')).toBe('next');
  await reopened.close();
  await postgres.stop();
});

it('command places in a Postgres that is away fail for now, and not for good', async () => {
  const pool = new ConnectionPool({ host: '/nowhere' }, 1, 1_000);
  const places = new PostgresCommandPlaces(pool);
  await expect(places.claim('a', 'c')).rejects.toBeInstanceOf(RetryableError);
  await expect(places.move('a', 'c', 'd')).rejects.toBeInstanceOf(RetryableError);
  await pool.close();
});
