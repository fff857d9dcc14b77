import pg from 'pg';
import { limits } from '../../limits.js';
import { inTransaction, type Notice, untilUnlocked } from './apply-migration.js';

/** The tables and views of builds, which the serving role creates, fills and drops. */
const OF_BUILDS = `n.nspname = 'views' AND (c.relkind = 'v' OR c.relkind = 'r' AND c.relname ~ '_[0-9]+$')`;

/**
 * The rights of the serving role: to read the log, to call the functions that write it with the rights of their owner, to
 * read and write rows of all other tables, to empty those of the record, and to create tables of read models. It has no right to change rows, tables or
 * triggers of the log.
 */
const NEEDED = `
  SELECT format('USAGE ON SCHEMA %I', n.nspname) AS needed, has_schema_privilege($1::name, n.oid, 'USAGE') AS held
  FROM pg_namespace n WHERE n.nspname IN ('log', 'runtime', 'views')
  UNION ALL
  SELECT 'CREATE ON SCHEMA views', has_schema_privilege($1::name, n.oid, 'CREATE') FROM pg_namespace n WHERE n.nspname = 'views'
  UNION ALL
  SELECT format('%s ON TABLE %I.%I', p.privilege, n.nspname, c.relname), has_table_privilege($1::name, c.oid, p.privilege)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  CROSS JOIN LATERAL unnest(
    CASE WHEN n.nspname = 'log' OR c.relname = 'migrations' THEN ARRAY['SELECT']
    WHEN n.nspname = 'views' AND starts_with(c.relname, 'record_') THEN ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']
    ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] END
  ) p(privilege)
  WHERE n.nspname IN ('log', 'runtime', 'views') AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT (${OF_BUILDS})
  UNION ALL
  SELECT format('EXECUTE ON FUNCTION %s', f.oid::regprocedure), has_function_privilege($1::name, f.oid, 'EXECUTE')
  FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace WHERE n.nspname = 'log' AND f.prosecdef`;

const OTHERS_BUILDS = `
  SELECT format('ALTER %s %I.%I OWNER TO %I', CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END,
    n.nspname, c.relname, r.rolname) AS sql
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.rolname = $1
  WHERE ${OF_BUILDS} AND c.relowner <> r.oid`;

/** Grants missing rights to a role that does not own the schema. A grant takes locks and drops plans, so none is repeated. */
export async function grantServing(client: pg.Client, role: string, onNotice: Notice): Promise<void> {
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
  const missing = await missingRights(client, role);
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
      `The role ${role} cannot be given its rights: ${cause.message}. The owner must own the schemas log, runtime and ` +
        `views, and be a member of the role: GRANT ${pg.escapeIdentifier(role)} TO CURRENT_USER.`,
      { cause },
    );
  });
}

/** The objects as in GRANT. */
export async function missingRights(client: pg.Client, role: string): Promise<string[]> {
  const { rows } = await client.query<{ needed: string }>(`SELECT needed FROM (${NEEDED}) n WHERE NOT held`, [role]);
  return rows.map(({ needed }) => needed);
}
