import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { reachServer } from '../../src/adapters/postgres/reach-server.js';
import { type OwnPostgres, startOwnPostgres, withClient } from '../support/postgres-cluster.js';

describe('the server of a URL', () => {
  let postgres: OwnPostgres;
  let socket: string;

  beforeAll(async () => {
    postgres = await startOwnPostgres();
    socket = `?host=${postgres.connection.host}&port=${postgres.connection.port}`;
    await withClient(postgres.connection, async (client) => {
      await client.query('CREATE ROLE barred LOGIN CONNECTION LIMIT 0');
    });
  });
  afterAll(() => postgres.stop());

  it('is named by host and port, and connected to as the URL says', async () => {
    const { host, port } = postgres.connection;
    const url = `postgresql:///postgres${socket}&user=postgres&password=hunter2`;
    const { connection, ...where } = await reachServer(url);
    expect(where).toEqual({ host, port, database: 'postgres' });
    await withClient(connection, async (client) => {
      expect((await client.query('SELECT current_user AS me')).rows).toEqual([{ me: 'postgres' }]);
    });
  });

  it.each([
    ['/nowhere', '&user=postgres', 'it has no such database (SQLSTATE 3D000)'],
    ['/postgres', '&user=nobody', 'it refuses this user or this password (SQLSTATE 28000)'],
    ['/postgres', '&user=barred', 'it has no connection left (SQLSTATE 53300)'],
    ['/postgres', '&user=postgres&options=-c%20hunter2%3D1', 'it refuses the connection (SQLSTATE 42704)'],
    ['/postgres', '&user=postgres&sslmode=verify-full', 'The server does not support SSL connections'],
  ])('says why it cannot be reached, in no words of the URL: %s %s', async (database, parameters, reason) => {
    const { host, port } = postgres.connection;
    await expect(reachServer(`postgresql://${database}${socket}${parameters}`)).rejects.toEqual(
      new Error(`DATABASE_URL: cannot reach PostgreSQL at ${host}:${port}: ${reason}`),
    );
  });

  it.each(['sslcert', 'sslkey', 'sslrootcert'])('does not show the path of its %s', async (parameter) => {
    const refused = reachServer(`postgresql://me:hunter2@127.0.0.1:1/db?${parameter}=/etc/hunter2`);
    await expect(refused).rejects.toEqual(new Error('DATABASE_URL: a file that it names cannot be read (ENOENT)'));
  });

  it('names the setting that holds the URL', async () => {
    const refused = reachServer('postgresql://me:%ff@127.0.0.1:1/db', 'MIGRATE_DATABASE_URL');
    await expect(refused).rejects.toEqual(new Error('MIGRATE_DATABASE_URL: URI malformed'));
  });

  it('says what is wrong with a URL that cannot be understood', async () => {
    const refused = reachServer('postgresql://me:%ff@127.0.0.1:1/db');
    await expect(refused).rejects.toEqual(new Error('DATABASE_URL: URI malformed'));
  });
});
