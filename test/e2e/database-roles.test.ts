import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiClient } from '../support/api-client.js';
import { ADMIN_KEY } from '../support/live-product.js';
import { databaseUrl, type OwnPostgres, startOwnPostgres, withClient } from '../support/postgres-cluster.js';
import { command, refusedStart, startProduct } from '../support/product.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';

/** Each test starts several processes. */
const SEVERAL_STARTS_MS = 180_000;

describe('the product with one role that owns the schema and another one that serves', () => {
  let postgres: OwnPostgres;

  beforeAll(async () => {
    postgres = await startOwnPostgres();
    await sql('postgres', 'CREATE ROLE owner LOGIN; CREATE ROLE server LOGIN; GRANT server TO owner');
  });
  afterAll(() => postgres.stop());

  const sql = (database: string, text: string) =>
    withClient({ ...postgres.connection, database }, (client) => client.query(text));

  async function newDatabase(name: string): Promise<{ DATABASE_URL: string; MIGRATE_DATABASE_URL: string }> {
    await sql('postgres', `CREATE DATABASE ${name} TEMPLATE template0 OWNER owner`);
    const url = (user: string) => databaseUrl({ ...postgres.connection, database: name, user });
    return { DATABASE_URL: url('server'), MIGRATE_DATABASE_URL: url('owner') };
  }

  /** One turn with the demo model, and what the views then show of it. */
  async function turn(environment: Record<string, string>): Promise<void> {
    await withTemporaryDirectory(async (directory) => {
      const product = await startProduct({
        ...environment,
        VERBATIM_DATA_DIR: directory,
        VERBATIM_ADMIN_KEY: ADMIN_KEY,
        LOG_LEVEL: 'warn',
      });
      const client = new ApiClient(product.address, ADMIN_KEY);
      try {
        const { id } = await client.ask('POST', '/conversations', { title: 'Rights' });
        const accept = { accept: 'text/event-stream' };
        const { text } = await client.call('POST', `/conversations/${id}/messages`, { content: 'Hello' }, accept);
        expect(text).toContain('"status":"final"');
        const { items } = await client.ask('GET', '/conversations?q=Hello');
        expect(items.map((item: { id: string }) => item.id)).toContain(id);
      } finally {
        client.leave();
        expect(await product.stop()).toBe(0);
      }
      expect(product.said()).not.toMatch(/permission denied|42501/);
    });
  }

  async function migrated(environment: Record<string, string>): Promise<string> {
    const { output, ended } = command(environment, 'migrate');
    const code = await ended;
    expect({ code, err: output.err }).toEqual({ code: 0, err: '' });
    return output.out;
  }

  it(
    'says what to run when there is no schema, serves after it was run, and migrates nothing itself',
    async () => {
      const { DATABASE_URL, ...owner } = await newDatabase('two_urls');
      expect(await refusedStart({ DATABASE_URL })).toEqual({
        code: 1,
        said:
          'The database has no schema yet, and the role server may not make it. ' +
          'Run `verbatim migrate` with MIGRATE_DATABASE_URL naming the owner of the schema.\n',
      });
      expect(await migrated({ DATABASE_URL, ...owner })).toContain('applied 0001-log.sql');
      await turn({ DATABASE_URL });
    },
    SEVERAL_STARTS_MS,
  );

  it(
    'migrates in the start when it is given both URLs',
    async () => {
      await turn(await newDatabase('both_urls'));
    },
    SEVERAL_STARTS_MS,
  );

  it(
    'serves with one role what another one has served before, and the other way round',
    async () => {
      const { DATABASE_URL, MIGRATE_DATABASE_URL } = await newDatabase('changed');
      await turn({ DATABASE_URL: MIGRATE_DATABASE_URL });
      await migrated({ DATABASE_URL, MIGRATE_DATABASE_URL });
      await turn({ DATABASE_URL });
      await turn({ DATABASE_URL: MIGRATE_DATABASE_URL });
    },
    SEVERAL_STARTS_MS,
  );

  it(
    'says what to run when the schema is older than the program',
    async () => {
      const { DATABASE_URL, ...owner } = await newDatabase('older');
      await migrated({ DATABASE_URL, ...owner });
      const { rows } = await withClient({ ...postgres.connection, database: 'older' }, (client) =>
        client.query(
          'DELETE FROM runtime.migrations WHERE version = (SELECT max(version) FROM runtime.migrations) RETURNING version',
        ),
      );
      const { version } = rows[0];
      expect(await refusedStart({ DATABASE_URL })).toEqual({
        code: 1,
        said:
          `The database is at version ${version - 1}, and this release needs ${version}; the role server may not change it. ` +
          'Run `verbatim migrate` with MIGRATE_DATABASE_URL naming the owner of the schema.\n',
      });
    },
    SEVERAL_STARTS_MS,
  );

  it.each([
    ['the role that serves', ({ DATABASE_URL }: { DATABASE_URL: string }) => ({ DATABASE_URL })],
    ['both roles', (both: Record<string, string>) => both],
  ])(
    'starts on the schema of a newer release that says so, as %s: a rollback',
    async (which, given) => {
      const name = which === 'both roles' ? 'newer_both' : 'newer';
      const urls = await newDatabase(name);
      await migrated(urls);
      const newer = (since: string) =>
        sql(
          name,
          `INSERT INTO runtime.migrations (version, name, sha256, readable_since)
        SELECT max(version) + 1, 'newer.sql', 'x', ${since} FROM runtime.migrations`,
        );
      await newer('max(version)');
      await turn(given(urls));
      await newer('NULL');
      const refused = await refusedStart(given(urls));
      expect(refused.code).toBe(1);
      expect(refused.said).toMatch(/start a newer release\.\n$/);
    },
    SEVERAL_STARTS_MS,
  );
});
