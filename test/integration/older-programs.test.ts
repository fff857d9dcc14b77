import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { migrate } from '../../src/adapters/postgres/migrate.js';
import { readMigrations } from '../../src/adapters/postgres/migration-files.js';
import { startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';

const sqlDirectory = join(import.meta.dirname, '..', '..', 'src', 'adapters', 'postgres', 'migrations');
const migrations = await readMigrations(sqlDirectory);

/** Programs that know only earlier versions do not read the header `Readable since`: they refuse every newer schema. */
const FIRST_THAT_READS_THE_HEADER = 7;

/** What a program of one version of the schema relies on: each line is a promise that a later migration must keep. */
const OFFERED = `
  SELECT format('column %s.%s %s', c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod)) AS line
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname IN ('log', 'runtime', 'views') AND c.relkind IN ('r', 'v', 'p') AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT format('function %s returns %s', p.oid::regprocedure, pg_get_function_result(p.oid))
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('log', 'runtime', 'views')
  UNION ALL
  SELECT format('unique %s (%s)', i.indrelid::regclass, substring(pg_get_indexdef(i.indexrelid) from ' USING (.*)$'))
  FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname IN ('log', 'runtime', 'views') AND i.indisunique`;

/** What the schema demands of a write: an older program does not meet a demand that it does not know. */
const DEMANDED = `
  SELECT format('value for %s.%s', c.oid::regclass, a.attname) AS line
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname IN ('log', 'runtime', 'views') AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
    AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
  UNION ALL
  SELECT format('%s on %s', pg_get_constraintdef(o.oid), o.conrelid::regclass)
  FROM pg_constraint o JOIN pg_namespace n ON n.oid = o.connamespace
  WHERE n.nspname IN ('log', 'runtime', 'views') AND o.contype <> 'n'
  UNION ALL
  SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE NOT t.tgisinternal`;

interface Schema {
  readonly tables: ReadonlySet<string>;
  readonly offered: ReadonlySet<string>;
  readonly demanded: ReadonlySet<string>;
}

describe('the header "Readable since" of a migration', () => {
  let postgres: TestPostgres;
  let connection: TestPostgres['connection'];
  /** The schema as each version leaves it. */
  const schemas = new Map<number, Schema>();

  beforeAll(async () => {
    postgres = await startTestPostgres();
    await withClient(postgres.connection, (client) => client.query('CREATE DATABASE growing TEMPLATE template0'));
    connection = { ...postgres.connection, database: 'growing' };
    const directory = await mkdtemp(join(tmpdir(), 'verbatim-test-'));
    for (const { version, name } of migrations) {
      await copyFile(join(sqlDirectory, name), join(directory, name));
      await migrate(connection, { sqlDirectory: directory });
      schemas.set(version, await schemaNow());
    }
    await rm(directory, { recursive: true });
  });
  afterAll(() => postgres.stop());

  async function schemaNow(): Promise<Schema> {
    return withClient(connection, async (client) => {
      const lines = async (sql: string) =>
        new Set((await client.query<{ line: string }>(sql)).rows.map((row) => row.line));
      const tables = await lines(
        `SELECT c.oid::regclass::text AS line FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname IN ('log', 'runtime', 'views') AND c.relkind IN ('r', 'p')`,
      );
      return { tables, offered: await lines(OFFERED), demanded: await lines(DEMANDED) };
    });
  }

  const claiming = migrations.filter(({ version, readableSince }) => readableSince < version);

  it('is in some migrations, or these tests would check nothing', () => expect(claiming.length).toBeGreaterThan(1));

  it.each(claiming)('of $name names a version whose programs read the header', ({ readableSince }) => {
    expect(readableSince).toBeGreaterThanOrEqual(FIRST_THAT_READS_THE_HEADER);
  });

  it.each(claiming)('of $name does not name a version that an earlier migration has excluded', (migration) => {
    const before = migrations.filter(({ version }) => version < migration.version);
    expect(migration.readableSince).toBeGreaterThanOrEqual(Math.max(...before.map((earlier) => earlier.readableSince)));
  });

  it.each(claiming)('of $name keeps everything that a program of that version uses', ({ version, readableSince }) => {
    const [then, now] = [schemas.get(readableSince) as Schema, schemas.get(version) as Schema];
    expect([...then.offered].filter((line) => !now.offered.has(line))).toEqual([]);
  });

  it.each(claiming)('of $name demands nothing new of that program', ({ version, readableSince }) => {
    const [then, now] = [schemas.get(readableSince) as Schema, schemas.get(version) as Schema];
    const added = [...now.demanded].filter((line) => !then.demanded.has(line));
    const ofKnownTables = added.filter((line) => [...then.tables].some((table) => line.includes(table)));
    expect(ofKnownTables).toEqual([]);
  });
});
