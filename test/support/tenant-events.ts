import { startEmbeddedPostgres } from '../../src/adapters/postgres/embedded/embedded-postgres.js';
import { withClient } from './postgres-cluster.js';

export const FIRST_KEY = /vb_admin_[A-Za-z0-9]{32,}/;

/** The events of the default tenant in a database, read without the product. */
export async function tenantEvents(
  connection: Parameters<typeof withClient>[0],
): Promise<{ type: string; data: string }[]> {
  return withClient(connection, async (client) => {
    const sql = `SELECT type, data::text FROM log.events WHERE stream = 'tenant-default' ORDER BY revision`;
    return (await client.query(sql)).rows;
  });
}

export async function tenantEventsIn(dataDir: string): Promise<{ type: string; data: string }[]> {
  const postgres = await startEmbeddedPostgres({ dataDir, onNotice: () => {} });
  try {
    return await tenantEvents(postgres.connection);
  } finally {
    await postgres.stop();
  }
}
