import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';
import { type Product, startProduct } from '../support/product.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';
import { startTestLog, type TestLog } from '../support/test-log.js';
import { until } from '../support/until.js';

type Issued = { id: string; key: string };

/** Reads every answer to its end: a node that stops waits for answers that are under way. */
async function call(node: Product, key: string, method: string, path: string, body?: unknown) {
  const answer = await fetch(`${node.address}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, json: text ? JSON.parse(text) : undefined };
}

const keyIn = ({ banner }: Product) => /vb_admin_[A-Za-z0-9]{32,}/.exec(banner)?.[0] ?? '';

describe('the running product', () => {
  let log: TestLog;
  beforeEach(async () => {
    log = await startTestLog();
  });
  afterEach(() => log.stop());

  it('lets the first key in, serves its docs, survives bad input, and writes no secret anywhere', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const product = await startProduct({ ...log.environment, VERBATIM_DATA_DIR: dataDir });
      const admin = keyIn(product);
      const send = (method: string, path: string, body?: unknown) => call(product, admin, method, path, body);
      expect((await send('GET', '/me')).json).toEqual({ tenant: 'default', user: 'admin', role: 'admin' });

      const tenant: Issued = (await send('POST', '/tenants', { name: 'acme' })).json;
      const me = await call(product, tenant.key, 'GET', '/me');
      expect(me.json).toEqual({ tenant: tenant.id, user: 'admin', role: 'admin' });
      expect((await call(product, tenant.key, 'GET', '/keys')).json.items).toHaveLength(1);
      expect((await call(product, tenant.key, 'DELETE', '/keys/admin')).status).toBe(404);

      const statuses = [
        (await send('POST', '/keys', `{"user":${'['.repeat(200_000)}`)).status,
        (await send('POST', '/keys', { user: 'a'.repeat(1024 * 1024), role: 'member', name: 'k' })).status,
        (await send('POST', '/keys', '{')).status,
        (await send('POST', '/keys')).status,
      ];
      expect(statuses).toEqual([400, 413, 400, 400]);
      for (const asset of ['/docs', '/docs/swagger-ui-bundle.js', '/docs/swagger-ui-init.js', '/docs/swagger-ui.css']) {
        const answer = await fetch(`${product.address}${asset}`);
        expect([answer.status, (await answer.text()).length > 0]).toEqual([200, true]);
      }
      expect((await send('GET', '/me')).status).toBe(200);

      expect(await product.stop()).toBe(0);
      const said = product.said().slice(product.banner.length);
      expect(
        said
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line).msg),
      ).toContain('request');
      for (const secret of [admin, tenant.key].map((key) => key.split('_')[2] ?? '')) {
        expect(secret).toHaveLength(64);
        expect(said).not.toContain(secret);
      }
    });
  });

  describe('as two nodes on one database', () => {
    let postgres: TestPostgres;
    beforeAll(async () => {
      postgres = await startTestPostgres();
      await withClient(postgres.connection, (client) => client.query('CREATE DATABASE keys'));
    });
    afterAll(() => postgres.stop());

    it('takes a new key everywhere, and no revoked one after 5 s', async () => {
      const { host, port } = postgres.connection;
      const DATABASE_URL = `postgresql:///keys?host=${host}&port=${port}&user=postgres`;
      await withTemporaryDirectory((one) =>
        withTemporaryDirectory(async (other) => {
          const start = (dataDir: string) =>
            startProduct({ ...log.environment, DATABASE_URL, VERBATIM_DATA_DIR: dataDir });
          const nodes = [await start(one), await start(other)] as const;
          const admin = keyIn(nodes[0]);
          const body = { user: 'ada', role: 'member', name: 'k' };
          const { id, key }: Issued = (await call(nodes[0], admin, 'POST', '/keys', body)).json;
          for (const node of nodes) expect((await call(node, key, 'GET', '/me')).status).toBe(200);

          expect((await call(nodes[0], admin, 'DELETE', `/keys/${id}`)).status).toBe(204);
          expect((await call(nodes[0], key, 'GET', '/me')).status).toBe(401);
          await until(async () => (await call(nodes[1], key, 'GET', '/me')).status === 401, 5_000);
          expect(await Promise.all(nodes.map((node) => node.stop()))).toEqual([0, 0]);
        }),
      );
    });
  });
});
