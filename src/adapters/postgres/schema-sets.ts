import { join } from 'node:path';

/** Schemas that are migrated together. Each set may be in a database of its own. */
export interface SchemaSet {
  /** For messages: the schemas, and what a database lacks without them. */
  readonly names: string;
  readonly absent: string;
  /** The schema whose table `migrations` lists what was applied. */
  readonly list: string;
  readonly sqlDirectory: string;
  /** The name of the lock that a process holds while it migrates. */
  readonly lock: string;
  /** Selects each right that the serving role $1 needs, as in GRANT, and whether it holds it. */
  readonly rights: string;
}

const migrations = join(import.meta.dirname, 'migrations');

/** The tables and views of builds, which the serving role creates, fills and drops. */
export const OF_BUILDS = `n.nspname = 'views' AND (c.relkind = 'v' OR c.relkind = 'r' AND c.relname ~ '_[0-9]+$')`;

const HELD_ON_TABLES = `
  SELECT format('%s ON TABLE %I.%I', p.privilege, n.nspname, c.relname), has_table_privilege($1::name, c.oid, p.privilege)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL unnest`;

/**
 * The serving role may read the log, call the functions that write it with the rights of their owner, read and write rows of all
 * other tables, empty those of the record, and create tables of read models. It has no right to change rows, tables or triggers
 * of the log.
 */
export const LOG_AND_VIEWS: SchemaSet = {
  names: 'the schemas log, runtime and views',
  absent: 'no schema',
  list: 'runtime',
  sqlDirectory: migrations,
  lock: 'verbatim.migrations',
  rights: `
  SELECT format('USAGE ON SCHEMA %I', n.nspname) AS needed, has_schema_privilege($1::name, n.oid, 'USAGE') AS held
  FROM pg_namespace n WHERE n.nspname IN ('log', 'runtime', 'views')
  UNION ALL
  SELECT 'CREATE ON SCHEMA views', has_schema_privilege($1::name, n.oid, 'CREATE') FROM pg_namespace n WHERE n.nspname = 'views'
  UNION ALL ${HELD_ON_TABLES} (
    CASE WHEN n.nspname = 'log' OR c.relname = 'migrations' THEN ARRAY['SELECT']
    WHEN n.nspname = 'views' AND starts_with(c.relname, 'record_') THEN ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']
    ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] END
  ) p(privilege)
  WHERE n.nspname IN ('log', 'runtime', 'views') AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT (${OF_BUILDS})
  UNION ALL
  SELECT format('EXECUTE ON FUNCTION %s', f.oid::regprocedure), has_function_privilege($1::name, f.oid, 'EXECUTE')
  FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace WHERE n.nspname = 'log' AND f.prosecdef`,
};

/** The serving role deletes no row of a key: the row of a destroyed key stays, so that it differs from a lost one. */
export const KEYS: SchemaSet = {
  names: 'the schema keys',
  absent: 'no schema keys',
  list: 'keys',
  sqlDirectory: join(migrations, 'keys'),
  lock: 'verbatim.migrations.keys',
  rights: `
  SELECT format('USAGE ON SCHEMA %I', n.nspname) AS needed, has_schema_privilege($1::name, n.oid, 'USAGE') AS held
  FROM pg_namespace n WHERE n.nspname = 'keys'
  UNION ALL ${HELD_ON_TABLES} (
    CASE c.relname WHEN 'migrations' THEN ARRAY['SELECT'] WHEN 'scopes' THEN ARRAY['SELECT', 'INSERT', 'DELETE']
    ELSE ARRAY['SELECT', 'INSERT', 'UPDATE'] END
  ) p(privilege)
  WHERE n.nspname = 'keys' AND c.relkind = 'r'`,
};
