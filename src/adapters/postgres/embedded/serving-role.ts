import pg from 'pg';

/** The role that serves on the embedded PostgreSQL. Migrations run as its superuser. */
export const SERVING_ROLE = 'verbatim';

export async function provideServingRole(superuser: pg.ClientConfig): Promise<void> {
  const client = new pg.Client(superuser);
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [SERVING_ROLE]);
    if (rows.length === 0) await client.query(`CREATE ROLE ${SERVING_ROLE} LOGIN`);
  } finally {
    await client.end();
  }
}
