import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { migrate } from '../../src/adapters/postgres/migrate.js';
import { type OwnPostgres, startOwnPostgres, withClient } from '../support/postgres-cluster.js';
import { programOf } from '../support/programs.js';
import { until } from '../support/until.js';

const INDEX = '-- Outside a transaction\nCREATE INDEX CONCURRENTLY a_n ON public.a (n);\n';

describe('a migration beside other sessions', () => {
  let postgres: OwnPostgres;
  let connection: OwnPostgres['connection'] & { application_name: string };
  let directory: string;
  let databases = 0;
  let notices: string[];

  beforeAll(async () => {
    postgres = await startOwnPostgres();
  });
  afterAll(() => postgres.stop());

  beforeEach(async () => {
    notices = [];
    directory = await mkdtemp(join(tmpdir(), 'verbatim-test-'));
    const database = `outside_${++databases}`;
    await withClient(postgres.connection, (client) => client.query(`CREATE DATABASE ${database} TEMPLATE template0`));
    connection = { ...postgres.connection, database, application_name: 'migration' };
    await write('0001-a.sql', 'CREATE TABLE a (n int); INSERT INTO a VALUES (1)');
    await run();
  });
  afterEach(() => rm(directory, { recursive: true }));

  const write = (name: string, sql: string) => writeFile(join(directory, name), sql);
  const run = () => migrate(connection, { sqlDirectory: directory, onNotice: (text) => notices.push(text) });
  const asked = async (client: pg.Client, sql: string) => (await client.query(sql)).rows;
  const query = (sql: string) =>
    withClient({ ...connection, application_name: 'test' }, (client) => asked(client, sql));

  const indexes = () =>
    query(`
    SELECT c.relname AS name, i.indisvalid AS valid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = 'public.a'::regclass`);
  const versions = async () =>
    (await query('SELECT version FROM runtime.migrations ORDER BY 1')).map((row) => row.version);
  const backends = async () =>
    (await query("SELECT pid FROM pg_stat_activity WHERE application_name = 'migration'")).length;

  /** Runs `work` while another session has written to the table and not committed. */
  async function withWriter(work: (release: () => Promise<unknown>) => Promise<void>): Promise<void> {
    await withClient({ ...connection, application_name: 'writer' }, async (writer) => {
      await writer.query('BEGIN; INSERT INTO a VALUES (2)');
      await work(() => writer.query('COMMIT'));
    });
  }

  it('makes an index while the table is read and written', async () => {
    await write('0002-index.sql', INDEX);
    await withWriter(async (release) => {
      const migrated = run();
      await until(async () => (await indexes()).length === 1);
      await query('INSERT INTO a VALUES (3)');
      await release();
      expect(await migrated).toEqual(['0002-index.sql']);
    });
    expect(await indexes()).toEqual([{ name: 'a_n', valid: true }]);
    expect(await versions()).toEqual([1, 2]);
  });

  it('that was killed while it made an index drops what was left, and makes it again', async () => {
    await write('0002-index.sql', INDEX);
    await withWriter(async () => {
      const program = [programOf('migrating'), JSON.stringify(connection), directory];
      const child = spawn(process.execPath, program, { stdio: 'ignore' });
      const ended = once(child, 'exit');
      try {
        await until(async () => (await indexes()).length === 1);
      } finally {
        child.kill('SIGKILL');
      }
      await ended;
      // The server notices, although the writer still holds up the index.
      await until(async () => (await backends()) === 0);
    });
    expect(await indexes()).toEqual([{ name: 'a_n', valid: false }]);
    expect(await versions()).toEqual([1]);
    const [before] = await query("SELECT 'public.a_n'::regclass::oid AS oid");
    expect(await run()).toEqual(['0002-index.sql']);
    expect(await indexes()).toEqual([{ name: 'a_n', valid: true }]);
    expect(await query("SELECT 'public.a_n'::regclass::oid AS oid")).not.toEqual([before]);
    expect(await versions()).toEqual([1, 2]);
  });

  it('that was killed after it made an index keeps the index', async () => {
    await write('0002-index.sql', INDEX);
    await query('CREATE INDEX CONCURRENTLY a_n ON a (n)');
    const [before] = await query("SELECT 'public.a_n'::regclass::oid AS oid");
    expect(await run()).toEqual(['0002-index.sql']);
    expect(await query("SELECT 'public.a_n'::regclass::oid AS oid")).toEqual([before]);
  });

  it('makes an index while another process waits to migrate', async () => {
    await write('0002-index.sql', INDEX);
    await withWriter(async (release) => {
      const first = run();
      await until(async () => (await indexes()).length === 1);
      const second = run();
      await until(() => notices.includes('Another process migrates this database: waiting for it.'));
      await release();
      expect([await first, await second]).toEqual([['0002-index.sql'], []]);
    });
  });

  it('gives way to those that come after it while it cannot get its lock, and goes on when it can', async () => {
    await write('0002-column.sql', 'INSERT INTO a VALUES (10); ALTER TABLE a ADD COLUMN m int');
    await withWriter(async (release) => {
      const migrated = run();
      await until(() => notices.length >= 2);
      expect(notices[0]).toMatch(/^0002-column\.sql: another session holds a lock that it needs; trying again/);
      await query('SELECT count(*) FROM a');
      await release();
      expect(await migrated).toEqual(['0002-column.sql']);
    });
    expect(await query('SELECT n FROM a ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }, { n: 10 }]);
  });

  it.each([
    ['CREATE INDEX CONCURRENTLY ON public.a (n)', /must be written CREATE INDEX CONCURRENTLY name ON schema\.table/],
    ['CREATE INDEX CONCURRENTLY a_n ON a (n)', /must be written CREATE INDEX CONCURRENTLY name ON schema\.table/],
    ['CREATE INDEX a_n ON public.a (n)', /must be written CREATE INDEX CONCURRENTLY name ON schema\.table/],
    ['VACUUM a; VACUUM a', /must hold one statement/],
  ])('outside a transaction that could not be repeated is refused: %s', async (statement, reason) => {
    await write('0002-b.sql', `-- Outside a transaction\n${statement}`);
    await expect(run()).rejects.toThrow(reason);
    expect(await versions()).toEqual([1]);
  });
});
