import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { pendingMigrations, readMigrations, SchemaTooNew } from '../../../src/adapters/postgres/migration-files.js';

it.each([
  ['the positions of a log with incarnations', 9],
  ['the log in partitions', 11],
])('a program that cannot read %s does not serve it', async (_, first) => {
  const migrations = await readMigrations(
    join(import.meta.dirname, '..', '..', '..', 'src', 'adapters', 'postgres', 'migrations'),
  );
  const knownTo = (newest: number) => migrations.filter(({ version }) => version <= newest);
  expect(() => pendingMigrations(knownTo(first - 1), knownTo(first))).toThrow(SchemaTooNew);
  expect(pendingMigrations(knownTo(first), knownTo(first))).toEqual([]);
});
