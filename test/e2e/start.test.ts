import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startEmbeddedPostgres } from '../../src/adapters/postgres/embedded/embedded-postgres.js';
import { hashSecret, parseApiKey } from '../../src/auth/api-key.js';
import {
  startTestPostgres,
  type TestPostgres,
  withClient,
  withMigratedDataDirectory,
} from '../support/postgres-cluster.js';
import { processesNaming, refusedStart, run, runFromCheckout, started, startProduct } from '../support/product.js';
import { stopsInOrder } from '../support/stops-in-order.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';
import { FIRST_KEY, tenantEvents, tenantEventsIn } from '../support/tenant-events.js';
import { until } from '../support/until.js';

describe('a first start', () => {
  it('needs no configuration, serves, and prints its address and its engines', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const product = await started(runFromCheckout({ VERBATIM_DATA_DIR: dataDir }));
      const key = FIRST_KEY.exec(product.banner)?.[0] ?? '';
      const get = (path: string) => fetch(`${product.address}${path}`);
      try {
        expect(product.banner).toMatch(/^Verbatim \d+\.\d+\.\d+\n/);
        expect(product.banner).toContain(`docs     ${product.address}/docs`);
        expect(product.banner).toContain('log      embedded PostgreSQL');
        expect(product.banner).toContain('model    demo (provider demo)');
        expect(product.banner).toContain(`data     ${dataDir}`);
        expect(await (await get('/health/live')).json()).toEqual({ status: 'live' });
        expect(await (await get('/health/ready')).json()).toEqual({
          status: 'ready',
          checks: { log: 'ok', readModels: 'ok', projections: 'ok', background: 'ok', record: 'ok' },
        });
        const metrics = await (await get('/metrics')).text();
        // Its tenant and its first key.
        expect(metrics).toMatch(/^log_append_seconds_count [1-9]/m);
        expect(metrics).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
        expect(metrics).toMatch(/^process_resident_memory_bytes /m);
        expect(await (await get('/docs')).text()).toContain('<title>Verbatim API</title>');
        expect(await (await get('/openapi.json')).json()).toMatchObject({
          openapi: '3.1.0',
          info: { title: 'Verbatim' },
          paths: { '/health/ready': expect.anything() },
        });
        expect((await readFile(join(dataDir, 'admin.key'), 'utf8')).trim()).toBe(key);
        expect((await stat(join(dataDir, 'admin.key'))).mode & 0o777).toBe(0o600);
      } finally {
        expect(await product.stop()).toBe(0);
      }
      expect(processesNaming(dataDir)).toEqual([]);

      const events = await tenantEventsIn(dataDir);
      expect(events.map(({ type }) => type)).toEqual(['TenantCreated', 'ApiKeyIssued']);
      const secret = parseApiKey(key)?.secret ?? 'none';
      expect(JSON.parse(events[1]?.data ?? '')).toMatchObject({
        user: 'admin',
        role: 'admin',
        secretSha256: hashSecret(secret),
      });
      expect(JSON.stringify(events)).not.toContain(secret);
    });
  });

  it('uses the key that an earlier start wrote to its file before it died', async () => {
    await withMigratedDataDirectory(async (dataDir) => {
      const key = `vb_admin_${'a1'.repeat(20)}`;
      await writeFile(join(dataDir, 'admin.key'), `${key}\n`);
      const product = await startProduct({ VERBATIM_DATA_DIR: dataDir });
      await product.stop();
      expect(product.banner).toContain(key);
      expect((await tenantEventsIn(dataDir))[1]?.data).toContain(hashSecret('a1'.repeat(20)));
    });
  });
});

describe('a later start', () => {
  it('shows no key, whether the one before was stopped or killed, and leaves no process behind', async () => {
    await withMigratedDataDirectory(async (dataDir) => {
      const first = await startProduct({ VERBATIM_DATA_DIR: dataDir });
      expect(first.banner).toMatch(FIRST_KEY);
      await first.stop('SIGKILL');
      const second = await startProduct({ VERBATIM_DATA_DIR: dataDir });
      expect(second.banner).not.toMatch(FIRST_KEY);
      expect(await second.stop('SIGINT')).toBe(0);
      const third = await startProduct({ VERBATIM_DATA_DIR: dataDir });
      expect(third.banner).not.toMatch(FIRST_KEY);
      await third.stop('SIGKILL');
      await until(() => processesNaming(dataDir).length === 0);
      expect(await tenantEventsIn(dataDir)).toHaveLength(2);
    });
  });
});

describe('a stop', () => {
  it('is orderly if SIGTERM is repeated', () => stopsInOrder('SIGTERM'));
});

describe('a start is refused, with exit code 1 and nothing left running,', () => {
  it('when another process holds the data directory; that one is unharmed', async () => {
    await withMigratedDataDirectory(async (dataDir) => {
      const product = await startProduct({ VERBATIM_DATA_DIR: dataDir });
      try {
        const { code, said } = await refusedStart({ VERBATIM_DATA_DIR: dataDir });
        expect(code).toBe(1);
        expect(said).toBe(
          `The data directory ${dataDir} is in use by another process: stop that one first, or choose another directory.\n`,
        );
        expect((await fetch(`${product.address}/health/ready`)).status).toBe(200);
      } finally {
        expect(await product.stop()).toBe(0);
      }
    });
  });

  it('when a newer version has written the data', async () => {
    await withMigratedDataDirectory(async (dataDir) => {
      const postgres = await startEmbeddedPostgres({ dataDir, onNotice: () => {} });
      await withClient(postgres.connection, (client) =>
        client.query(`INSERT INTO runtime.migrations (version, name, sha256) VALUES (9999, '9999-later.sql', '')`),
      );
      await postgres.stop();
      const { code, said } = await refusedStart({ VERBATIM_DATA_DIR: dataDir });
      expect(code).toBe(1);
      expect(said).toMatch(/newer/);
      expect(processesNaming(dataDir)).toEqual([]);
    });
  });

  it('when the environment is wrong, with every mistake', async () => {
    const { code, said } = await refusedStart({ PORT: 'eighty', VERBATIM_WHAT: 'x', OPENAI_API_KEY: 'sk-secret' });
    expect(code).toBe(1);
    for (const name of ['PORT', 'VERBATIM_WHAT', 'VERBATIM_MODEL']) expect(said).toContain(`  ${name}: `);
    expect(said).not.toContain('sk-secret');
  });

  it('when the prices in the data directory are wrong, with every mistake', async () => {
    await withMigratedDataDirectory(async (dataDir) => {
      await writeFile(join(dataDir, 'prices.json'), '{"date":"2026-11-01","currency":"$","modles":{}}');
      const { code, said } = await refusedStart({ VERBATIM_DATA_DIR: dataDir });
      expect(code).toBe(1);
      const [first, ...mistakes] = said.trimEnd().split('\n');
      expect(first).toBe(`The prices in ${join(dataDir, 'prices.json')} cannot be used:`);
      expect(mistakes.map((line) => line.split(':')[0]?.trim()).sort()).toEqual(['currency', 'models', 'modles']);
      expect(processesNaming(dataDir)).toEqual([]);
    });
  });

  it('when the port is taken', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await withMigratedDataDirectory(async (dataDir) => {
      const { code, said } = await refusedStart({ VERBATIM_DATA_DIR: dataDir, PORT: String(port) });
      expect(code).toBe(1);
      expect(said).toContain('EADDRINUSE');
      expect(processesNaming(dataDir)).toEqual([]);
      // No key was shown, so none was issued: the next start that succeeds shows one.
      const later = await startProduct({ VERBATIM_DATA_DIR: dataDir });
      await later.stop();
      expect(later.banner).toMatch(FIRST_KEY);
    });
    await new Promise((resolve) => server.close(resolve));
  });

  it.each([
    ['cannot be reached', '', 'cannot reach PostgreSQL at 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1'],
    [
      'is named with a file that is not there',
      '?sslrootcert=/etc/ca.hunter2',
      'a file that it names cannot be read (ENOENT)',
    ],
  ])('when the database %s, and says no more of its URL than where it leads', async (_, parameters, reason) => {
    const DATABASE_URL = `postgres://me:hunter2@127.0.0.1:1/verbatim${parameters}`;
    expect(await refusedStart({ DATABASE_URL })).toEqual({ code: 1, said: `DATABASE_URL: ${reason}\n` });
  });
});

describe('a start that receives a signal to stop', () => {
  it('by SIGTERM to itself while it makes its cluster leaves nothing running', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const { child, output, ended } = run({ VERBATIM_DATA_DIR: dataDir }, { detached: true });
      try {
        await until(() => processesNaming(`${dataDir}/postgres.draft-`).length > 0, 60_000);
        child.kill('SIGTERM');
        expect({ code: await ended, said: output.err }).toEqual({ code: 0, said: '' });
        expect(processesNaming(dataDir)).toEqual([]);
        expect((await readdir(dataDir)).filter((name) => name.includes('draft'))).toEqual([]);
      } finally {
        child.kill('SIGKILL');
      }
    });
  });

  it('ends, although the database takes its connection and says nothing', async () => {
    const silent = createServer();
    const connected = new Promise<Socket>((resolve) => silent.once('connection', resolve));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const { child, output, ended } = run({ DATABASE_URL: `postgres://me:hunter2@127.0.0.1:${port}/verbatim` });
    try {
      const socket = await connected;
      child.kill('SIGTERM');
      const said = `DATABASE_URL: cannot reach PostgreSQL at 127.0.0.1:${port}: timeout expired\n`;
      expect({ code: await ended, said: output.err }).toEqual({ code: 1, said });
      socket.destroy();
    } finally {
      child.kill('SIGKILL');
      silent.close();
    }
  });
});

describe('several nodes on one database', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  afterAll(() => postgres.stop());

  it('start together, create the schema once, show one key, and both serve', async () => {
    const { host, port } = postgres.connection;
    await withClient(postgres.connection, (client) => client.query('CREATE DATABASE together'));
    const DATABASE_URL = `postgresql:///together?host=${host}&port=${port}&user=postgres`;
    await withTemporaryDirectory((one) =>
      withTemporaryDirectory(async (other) => {
        const nodes = await Promise.all(
          [one, other].map((dataDir) => startProduct({ DATABASE_URL, VERBATIM_DATA_DIR: dataDir })),
        );
        const ready = await Promise.all(nodes.map(({ address }) => fetch(`${address}/health/ready`)));
        expect(ready.map(({ status }) => status)).toEqual([200, 200]);
        expect(nodes.filter(({ banner }) => FIRST_KEY.test(banner))).toHaveLength(1);
        expect(nodes[0]?.banner).toContain('database together');
        expect(await Promise.all(nodes.map((node) => node.stop()))).toEqual([0, 0]);
        const events = await tenantEvents({ ...postgres.connection, database: 'together' });
        expect(events.map(({ type }) => type)).toEqual(['TenantCreated', 'ApiKeyIssued']);
      }),
    );
  });
});
