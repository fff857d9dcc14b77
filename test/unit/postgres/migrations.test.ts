import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { pendingMigrations, readMigrations, SchemaTooNew } from '../../../src/adapters/postgres/migration-files.js';

it('a program that cannot read the positions of a log with incarnations does not serve it', async () => {
  const migrations = await readMigrations(
    join(import.meta.dirname, '..', '..', '..', 'src', 'adapters', 'postgres', 'migrations'),
  );
  const knownTo = (newest: number) => migrations.filter(({ version }) => version <= newest);
  expect(() => pendingMigrations(knownTo(8), knownTo(9))).toThrow(SchemaTooNew);
  expect(pendingMigrations(knownTo(9), migrations)).toEqual([]);
});
