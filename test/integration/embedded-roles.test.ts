import { describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { migrateAll } from '../../src/adapters/postgres/migrate.js';
import { PostgresBuilds } from '../../src/adapters/postgres/views/postgres-builds.js';
import { openDatabase } from '../../src/app/database.js';
import type { ProjectionShape } from '../../src/ports/read-models/read-models.js';
import { conversationsTable } from '../../src/projections/conversations/rows.js';
import { withPostgres } from '../support/embedded-postgres.js';
import { withClient } from '../support/postgres-cluster.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';

const SHAPE: ProjectionShape = { name: 'conversations', version: 1, tables: [conversationsTable] };

async function withBuilds<T>(connection: pg.ClientConfig, work: (builds: PostgresBuilds) => Promise<T>): Promise<T> {
  const pool = new ConnectionPool(connection, 2, 10_000);
  try {
    return await work(new PostgresBuilds(pool));
  } finally {
    await pool.close();
  }
}

describe('the embedded database', () => {
  it('is served by a role that cannot change the log, also where a release has served as its superuser', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      await withPostgres(dataDir, async ({ connection }) => {
        await migrateAll(connection);
        await withBuilds(connection, (builds) => builds.prepare([SHAPE]));
      });
      const config = { dataDir, databaseUrl: undefined, migrateDatabaseUrl: undefined, keysUrl: undefined };
      const database = await openDatabase(config, () => {});
      try {
        expect(await database.migrate()).toEqual([]);
        const [session] = await withClient(
          database.connection,
          async (client) =>
            (
              await client.query(
                'SELECT current_user AS role, rolsuper AS super FROM pg_roles WHERE rolname = current_user',
              )
            ).rows,
        );
        expect(session).toEqual({ role: 'verbatim', super: false });
        const change = withClient(database.connection, (client) => client.query('DELETE FROM log.head'));
        await expect(change).rejects.toMatchObject({ code: '42501' });
        await withBuilds(database.connection, async (builds) => {
          await builds.prepare([SHAPE]);
          expect(await builds.begin(SHAPE)).toBe(true);
          expect(await builds.swap({ projection: 'conversations', build: 2 })).toBe('swapped');
        });
      } finally {
        await database.close();
      }
    });
  });
});
