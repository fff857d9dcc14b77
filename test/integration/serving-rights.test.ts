import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { migrate, migrateAll } from '../../src/adapters/postgres/migrate.js';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { KEYS } from '../../src/adapters/postgres/schema-sets.js';
import { PostgresBuilds } from '../../src/adapters/postgres/views/postgres-builds.js';
import type { ProjectionShape } from '../../src/ports/read-models/read-models.js';
import { conversationsTable } from '../../src/projections/conversations/rows.js';
import { newDelta, newStream, wholeStream } from '../support/new-events.js';
import { type OwnPostgres, startOwnPostgres, withClient } from '../support/postgres-cluster.js';

const PRIVILEGES = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN'];
const ROWS = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];
/** Not to delete the row of a key or of a generation: a destroyed one must differ from a lost one. */
const rightsOnKeys = (table: string) =>
  table === 'scopes' ? ['SELECT', 'INSERT', 'DELETE'] : ['SELECT', 'INSERT', 'UPDATE'];
const CONVERSATIONS: ProjectionShape = { name: 'conversations', version: 1, tables: [conversationsTable] };

describe('the role that serves', () => {
  let postgres: OwnPostgres;
  let owner: pg.ClientConfig;
  let server: pg.ClientConfig;

  beforeAll(async () => {
    postgres = await startOwnPostgres();
    await withClient(postgres.connection, async (superuser) => {
      await superuser.query('CREATE ROLE owner LOGIN');
      await superuser.query('CREATE ROLE server LOGIN');
      await superuser.query('GRANT server TO owner');
      await superuser.query('CREATE DATABASE rights TEMPLATE template0 OWNER owner');
    });
    owner = { ...postgres.connection, database: 'rights', user: 'owner' };
    server = { ...owner, user: 'server' };
    await migrateAll(owner, { servedBy: 'server' });
    await withPool(server, (builds) => builds.prepare([CONVERSATIONS]));
    const log = new PostgresEventLog(server);
    await log.append(newStream(), 'none', [newDelta()]);
    await log.close();
  });
  afterAll(() => postgres.stop());

  async function withPool<T>(as: pg.ClientConfig, work: (builds: PostgresBuilds) => Promise<T>): Promise<T> {
    const pool = new ConnectionPool(as, 2, 10_000);
    try {
      return await work(new PostgresBuilds(pool));
    } finally {
      await pool.close();
    }
  }

  const ask = (as: pg.ClientConfig, sql: string, values?: unknown[]) =>
    withClient(as, async (client) => (await client.query(sql, values)).rows);

  it('holds these rights on tables, by grants and by membership, and no others', async () => {
    const tables = await ask(
      server,
      `SELECT n.nspname AS schema, c.relname AS table, pg_get_userbyid(c.relowner) AS owner,
         array(SELECT p FROM unnest($1::text[]) p WHERE has_table_privilege(c.oid, p)) AS rights
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname IN ('log', 'runtime', 'views', 'keys') AND c.relkind IN ('r', 'p', 'v', 'S', 'm') AND NOT c.relispartition`,
      [PRIVILEGES],
    );
    expect(tables.map(({ schema, table }) => `${schema}.${table}`)).toEqual(
      expect.arrayContaining([
        'log.events',
        'log.head',
        'log.streams',
        'log.command_ids',
        'runtime.leases',
        'runtime.migrations',
        'views.conversations_1',
        'keys.keys',
        'keys.scopes',
        'keys.generations',
        'keys.migrations',
      ]),
    );
    for (const table of tables) {
      const isBuild = table.schema === 'views' && /^conversations(_\d+)?$/.test(table.table);
      const isOnlyRead = table.schema === 'log' || table.table === 'migrations';
      // To make the record again, its rows are not deleted one by one.
      const isRecord = table.schema === 'views' && table.table.startsWith('record_');
      const others = isRecord ? [...ROWS, 'TRUNCATE'] : table.schema === 'keys' ? rightsOnKeys(table.table) : ROWS;
      const rights = isBuild ? PRIVILEGES : isOnlyRead ? ['SELECT'] : others;
      expect(table).toEqual({ ...table, owner: isBuild ? 'server' : 'owner', rights });
    }
  });

  it('holds no rights beyond those, as the information schema lists them', async () => {
    const granted = await ask(
      owner,
      `SELECT DISTINCT grantee, table_schema AS schema, privilege_type AS right FROM information_schema.table_privileges
       WHERE grantee IN ('server', 'PUBLIC') AND table_schema IN ('log', 'runtime') ORDER BY 2, 3`,
    );
    expect(granted).toEqual([
      { grantee: 'server', schema: 'log', right: 'SELECT' },
      ...[...ROWS].sort().map((right) => ({ grantee: 'server', schema: 'runtime', right })),
    ]);
    expect(
      await ask(
        owner,
        `SELECT grantee FROM information_schema.column_privileges
      WHERE grantee IN ('server', 'PUBLIC') AND table_schema = 'log' AND privilege_type <> 'SELECT'`,
      ),
    ).toEqual([]);
    const routines = await ask(
      owner,
      `SELECT DISTINCT grantee, routine_name AS name FROM information_schema.routine_privileges
      WHERE routine_schema = 'log' AND routine_name IN ('append', 'extend') AND grantee <> 'owner' ORDER BY 2`,
    );
    expect(routines).toEqual(['append', 'extend'].map((name) => ({ grantee: 'server', name })));
    const [schemas] = await ask(
      server,
      `SELECT
      has_schema_privilege('log', 'CREATE') AS log, has_schema_privilege('runtime', 'CREATE') AS runtime,
      has_schema_privilege('views', 'CREATE') AS views, has_database_privilege(current_database(), 'CREATE') AS database,
      pg_has_role('owner', 'MEMBER') AS owner, rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication AS more
      FROM pg_roles WHERE rolname = current_user`,
    );
    expect(schemas).toEqual({ log: false, runtime: false, views: true, database: false, owner: false, more: false });
  });

  it.each([
    'INSERT INTO log.events SELECT * FROM log.events',
    "UPDATE log.events SET type = 'x'",
    'DELETE FROM log.events',
    'TRUNCATE log.events',
    'INSERT INTO log.head VALUES (false)',
    'DELETE FROM log.events_1',
    'TRUNCATE log.events_1',
    'ALTER TABLE log.events DETACH PARTITION log.events_1',
    'UPDATE log.streams SET revision = 0',
    'DELETE FROM log.command_ids',
    'INSERT INTO log.partitions VALUES (0, 1)',
    'DELETE FROM log.head',
    'SELECT FROM log.head FOR UPDATE',
    'BEGIN; LOCK TABLE log.events',
    'UPDATE log.identity SET identity = gen_random_uuid()',
    'ALTER TABLE log.events DISABLE TRIGGER append_only',
    'ALTER TABLE log.events DISABLE TRIGGER ALL',
    'DROP TRIGGER append_only ON log.events',
    'CREATE TRIGGER mine BEFORE INSERT ON log.events FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change()',
    "SET session_replication_role TO 'replica'",
    'ALTER TABLE log.events ADD COLUMN mine int',
    'DROP TABLE log.events',
    'DROP FUNCTION log.append',
    'DROP SCHEMA log CASCADE',
    'CREATE TABLE log.mine ()',
    'CREATE TABLE runtime.mine ()',
    'TRUNCATE runtime.leases',
    'UPDATE runtime.migrations SET readable_since = 1',
    'DELETE FROM keys.keys',
    'TRUNCATE keys.keys CASCADE',
    'DELETE FROM keys.generations',
    'UPDATE keys.scopes SET key = key',
    'UPDATE keys.migrations SET readable_since = 1',
    'CREATE TABLE keys.mine ()',
    'SET ROLE owner',
    'CREATE ROLE mine',
  ])('is refused: %s', async (statement) => {
    const error = await ask(server, statement).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: '42501' });
  });

  it('cannot bring functions or operators of its own into log.append', async () => {
    await ask(
      server,
      `
      CREATE FUNCTION views.cardinality(uuid[]) RETURNS integer LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'called as %', current_user; END $$;
      CREATE FUNCTION views.sum_of(bigint, integer) RETURNS bigint LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'called as %', current_user; END $$;
      CREATE OPERATOR views.+ (LEFTARG = bigint, RIGHTARG = integer, FUNCTION = views.sum_of)`,
    );
    const hostile = { ...server, options: '-c search_path=views,pg_catalog' };
    expect(await ask(hostile, 'SELECT cardinality(ARRAY[]::uuid[])').catch((error: Error) => error.message)).toBe(
      'called as server',
    );
    const log = new PostgresEventLog(hostile);
    try {
      const stream = newStream();
      const event = newDelta();
      expect(await log.append(stream, 'none', [event])).toMatchObject({ outcome: 'appended' });
      expect(await log.append(stream, 'none', [event])).toMatchObject({ outcome: 'already-there' });
      expect(await wholeStream(log, stream)).toHaveLength(1);
    } finally {
      await log.close();
    }
  });

  it('is given what it needs of a database that its owner has served, tables of read models included', async () => {
    await withClient(postgres.connection, (client) =>
      client.query('CREATE DATABASE owned TEMPLATE template0 OWNER owner'),
    );
    const [ownerThere, serverThere] = [owner, server].map((as) => ({ ...as, database: 'owned' })) as [
      pg.ClientConfig,
      pg.ClientConfig,
    ];
    await migrate(ownerThere);
    await withPool(ownerThere, (builds) => builds.prepare([CONVERSATIONS]));
    await expect(migrate(serverThere)).rejects.toThrow(
      'The role server has no rights on the schema. Run `verbatim migrate` with MIGRATE_DATABASE_URL naming the owner of the schema: it grants them.',
    );
    await migrate(ownerThere, { servedBy: 'server' });
    expect(await migrate(serverThere)).toEqual([]);
    await withPool(serverThere, async (builds) => {
      await builds.prepare([CONVERSATIONS]);
      expect(await builds.begin(CONVERSATIONS)).toBe(true);
      expect(await builds.swap({ projection: 'conversations', build: 2 })).toBe('swapped');
    });
    await ask(ownerThere, 'REVOKE DELETE ON runtime.leases FROM server');
    await expect(migrate(serverThere)).rejects.toThrow(
      'The role server lacks rights (DELETE ON TABLE runtime.leases). Run `verbatim migrate`',
    );
    await expect(migrate(serverThere, { schemas: KEYS })).rejects.toThrow(
      'The database has no schema keys yet, and the role server may not make it. Run `verbatim migrate`',
    );
    await migrateAll(ownerThere, { servedBy: 'server' });
    expect(await migrateAll(serverThere)).toEqual([]);
    await ask(ownerThere, 'REVOKE UPDATE ON keys.keys FROM server');
    await expect(migrateAll(serverThere)).rejects.toThrow(
      'The role server lacks rights (UPDATE ON TABLE keys.keys). Run `verbatim migrate`',
    );
  });

  it('that does not exist, or of which the owner is no member, is named with the way out', async () => {
    await expect(migrate(owner, { servedBy: 'nobody here' })).rejects.toThrow(
      'There is no role "nobody here", which DATABASE_URL names: CREATE ROLE "nobody here" LOGIN PASSWORD',
    );
    await withClient(postgres.connection, (client) => client.query('CREATE ROLE stranger LOGIN'));
    await withPool(owner, (builds) => builds.begin(CONVERSATIONS));
    await expect(migrate(owner, { servedBy: 'stranger' })).rejects.toThrow('GRANT "stranger" TO CURRENT_USER');
  });
});
