import pg from 'pg';
import { limits } from '../../limits.js';
import { inTransaction, type Notice, untilUnlocked } from './apply-migration.js';
import { OF_BUILDS, type SchemaSet } from './schema-sets.js';

const OTHERS_BUILDS = `
  SELECT format('ALTER %s %I.%I OWNER TO %I', CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END,
    n.nspname, c.relname, r.rolname) AS sql
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.rolname = $1
  WHERE ${OF_BUILDS} AND c.relowner <> r.oid`;

/** Grants missing rights to a role that does not own the schema. A grant takes locks and drops plans, so none is repeated. */
export async function grantServing(
  client: pg.Client,
  schemas: SchemaSet,
  role: string,
  onNotice: Notice,
): Promise<void> {
  const { rows } = await client.query('SELECT rolname = current_user AS "isOwner" FROM pg_roles WHERE rolname = $1', [
    role,
  ]);
  if (!rows[0]) {
    throw new Error(
      `There is no role ${pg.escapeIdentifier(role)}, which DATABASE_URL names: ` +
        `CREATE ROLE ${pg.escapeIdentifier(role)} LOGIN PASSWORD '...', then migrate again.`,
    );
  }
  if (rows[0].isOwner) return;
  const missing = await missingRights(client, schemas, role);
  const others = await client.query<{ sql: string }>(OTHERS_BUILDS, [role]);
  const statements = [
    ...missing.map((right) => `GRANT ${right} TO ${pg.escapeIdentifier(role)}`),
    ...others.rows.map(({ sql }) => sql),
  ];
  if (statements.length === 0) return;
  await untilUnlocked(`The rights of ${role}`, onNotice, () =>
    inTransaction(client, async () => {
      await client.query(`SET LOCAL lock_timeout TO ${limits.migrationLockWaitMs}`);
      await client.query(statements.join(';\n'));
    }),
  ).catch((cause) => {
    throw new Error(
      `The role ${role} cannot be given its rights: ${cause.message}. The owner must own ${schemas.names}, ` +
        `and be a member of the role: GRANT ${pg.escapeIdentifier(role)} TO CURRENT_USER.`,
      { cause },
    );
  });
}

/** The objects as in GRANT. */
export async function missingRights(client: pg.Client, { rights }: SchemaSet, role: string): Promise<string[]> {
  const { rows } = await client.query<{ needed: string }>(`SELECT needed FROM (${rights}) n WHERE NOT held`, [role]);
  return rows.map(({ needed }) => needed);
}
