import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { migrate } from '../../src/adapters/postgres/migrate.js';
import { MigrationChanged, SchemaTooNew } from '../../src/adapters/postgres/migration-files.js';
import { startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';

describe('migrate', () => {
  let postgres: TestPostgres;
  let connection: TestPostgres['connection'];
  let directory: string;
  let databases = 0;

  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  afterAll(() => postgres.stop());

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'verbatim-test-'));
    const database = `migrate_${++databases}`;
    await query(postgres.connection, `create database ${database} template template0`);
    connection = { ...postgres.connection, database };
  });
  afterEach(() => rm(directory, { recursive: true }));

  async function query(where: TestPostgres['connection'], sql: string): Promise<unknown[]> {
    return withClient(where, async (client) => (await client.query(sql)).rows);
  }

  async function write(name: string, sql: string): Promise<void> {
    await writeFile(join(directory, name), sql);
  }

  function applied(): Promise<unknown[]> {
    return query(connection, 'select version, name from runtime.migrations order by version');
  }

  it('runs what is new, in order, each once', async () => {
    await write('0002-b.sql', 'insert into a values (2); create table b ();');
    await write('0001-a.sql', 'create table a (n int); insert into a values (1);');
    await migrate(connection, { sqlDirectory: directory });
    await write('0003-c.sql', 'insert into a values (3)');
    await migrate(connection, { sqlDirectory: directory });
    await migrate(connection, { sqlDirectory: directory });
    expect(await query(connection, 'select n from a order by n')).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    expect(await applied()).toEqual([
      { version: 1, name: '0001-a.sql' },
      { version: 2, name: '0002-b.sql' },
      { version: 3, name: '0003-c.sql' },
    ]);
  });

  it('lets two start together: one works, the other waits and finds nothing to do', async () => {
    await write('0001-a.sql', 'create table a (n int); select pg_sleep(0.2);');
    await write('0002-b.sql', 'insert into a values (1)');
    await Promise.all([1, 2, 3, 4].map(() => migrate(connection, { sqlDirectory: directory })));
    expect(await query(connection, 'select n from a')).toEqual([{ n: 1 }]);
    expect(await applied()).toHaveLength(2);
  });

  it('rolls back a migration that fails, keeps those before it, and names its file', async () => {
    await write('0001-a.sql', 'create table a (n int)');
    await write('0002-b.sql', 'insert into a values (1); create table b (); select 1 / 0;');
    await expect(migrate(connection, { sqlDirectory: directory })).rejects.toThrow(
      /0002-b\.sql failed and was rolled back: division by zero/,
    );
    expect(await query(connection, "select to_regclass('b') as b, (select count(*)::int from a) as rows")).toEqual([
      { b: null, rows: 0 },
    ]);
    expect(await applied()).toEqual([{ version: 1, name: '0001-a.sql' }]);

    await write('0002-b.sql', 'create table b ()');
    await migrate(connection, { sqlDirectory: directory });
    expect(await applied()).toHaveLength(2);
  });

  it('refuses a database of a newer release and changes nothing', async () => {
    await write('0001-a.sql', 'create table a (n int)');
    await write('0002-b.sql', 'create table b ()');
    await migrate(connection, { sqlDirectory: directory });
    await rm(join(directory, '0002-b.sql'));
    await expect(migrate(connection, { sqlDirectory: directory })).rejects.toThrow(SchemaTooNew);
    expect(await applied()).toHaveLength(2);
  });

  it('starts on the database of a newer release that it can serve, and changes nothing', async () => {
    await write('0001-a.sql', 'create table a (n int)');
    await write('0002-b.sql', '-- Readable since 0001\ncreate table b ()');
    await write('0003-c.sql', '-- Readable since 0001\ncreate table c ()');
    await migrate(connection, { sqlDirectory: directory });
    await rm(join(directory, '0003-c.sql'));
    await rm(join(directory, '0002-b.sql'));
    expect(await migrate(connection, { sqlDirectory: directory })).toEqual([]);
    expect(await applied()).toHaveLength(3);

    await write('0001-a.sql', 'create table a (n bigint)');
    await expect(migrate(connection, { sqlDirectory: directory })).rejects.toThrow(MigrationChanged);
  });

  it('refuses the database of a newer release when one of its migrations needs a newer one', async () => {
    await write('0001-a.sql', 'create table a (n int)');
    await write('0002-b.sql', 'create table b ()');
    await write('0003-c.sql', '-- Readable since 0002\ncreate table c ()');
    await migrate(connection, { sqlDirectory: directory });
    await rm(join(directory, '0003-c.sql'));
    expect(await migrate(connection, { sqlDirectory: directory })).toEqual([]);
    await rm(join(directory, '0002-b.sql'));
    await expect(migrate(connection, { sqlDirectory: directory })).rejects.toThrow(
      'The database is at version 3, which a release can serve that knows version 2; this one knows 1: start a newer release.',
    );
  });

  it('takes no file that says it is readable only since a later one', async () => {
    await write('0001-a.sql', '-- Readable since 0002\ncreate table a ()');
    await expect(migrate(connection, { sqlDirectory: directory })).rejects.toThrow(/cannot be readable only since 2/);
  });

  it('brings the list of an early release up to date, whose rows do not say since when they are readable', async () => {
    await query(
      connection,
      `create schema runtime;
       create table runtime.migrations (version int primary key, name text not null, sha256 text not null,
         applied_at timestamptz not null default now());
       insert into runtime.migrations (version, name, sha256) values (2, '0002-b.sql', 'x')`,
    );
    await write('0001-a.sql', 'create table a (n int)');
    await expect(migrate(connection, { sqlDirectory: directory })).rejects.toThrow(SchemaTooNew);
  });

  it('refuses a file that changed since it was applied and changes nothing', async () => {
    await write('0001-a.sql', 'create table a (n int)');
    await migrate(connection, { sqlDirectory: directory });
    await write('0001-a.sql', 'create table a (n bigint)');
    await write('0002-b.sql', 'create table b ()');
    await expect(migrate(connection, { sqlDirectory: directory })).rejects.toThrow(MigrationChanged);
    await rm(join(directory, '0001-a.sql'));
    await expect(migrate(connection, { sqlDirectory: directory })).rejects.toThrow(/its file is missing/);
    expect(await applied()).toHaveLength(1);
  });

  it('refuses a file that comes before what was applied', async () => {
    await write('0002-b.sql', 'create table b ()');
    await migrate(connection, { sqlDirectory: directory });
    await write('0001-a.sql', 'create table a ()');
    await expect(migrate(connection, { sqlDirectory: directory })).rejects.toThrow(/0001-a\.sql came after version 2/);
  });

  it('takes other line ends for the same file', async () => {
    await write('0001-a.sql', 'create table a (\n n int)\n');
    await migrate(connection, { sqlDirectory: directory });
    await write('0001-a.sql', 'create table a (\r\n n int)\r\n');
    await migrate(connection, { sqlDirectory: directory });
  });

  it('refuses names that give no order', async () => {
    await write('1-a.sql', '');
    await expect(migrate(connection, { sqlDirectory: directory })).rejects.toThrow(/not named like/);
    await rm(join(directory, '1-a.sql'));
    await write('0001-a.sql', '');
    await write('0001-b.sql', '');
    await expect(migrate(connection, { sqlDirectory: directory })).rejects.toThrow(/Two migrations are number 1/);
  });

  it('finds the product’s own migrations applied in every test cluster', async () => {
    await migrate(postgres.connection);
  });
});
