import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type HttpApp, startHttpApp } from '../support/http-app.js';

type Issued = { id: string; key: string };
type Items = { items: { id: string }[] };

describe('keys over HTTP', () => {
  let app: HttpApp;
  beforeAll(async () => {
    app = await startHttpApp();
  });
  afterAll(() => app.close());

  const newTenant = async (name = 'acme') =>
    (await app.call('POST', '/api/v1/tenants', { body: { name } })).json as Issued;
  const me = async (key: string | null) => app.call('GET', '/api/v1/me', { key });

  it('shows the user of the first key', async () => {
    const { status, json } = await me(app.adminKey);
    expect(status).toBe(200);
    expect(json).toEqual({ tenant: 'default', user: 'admin', role: 'admin' });
  });

  it('issues keys that work at once, each for its user and role', async () => {
    for (const role of ['member', 'auditor', 'admin'] as const) {
      const issued = await app.call('POST', '/api/v1/keys', { body: { user: 'ada', role, name: 'laptop' } });
      expect(issued.status).toBe(201);
      const { id, key } = issued.json as Issued;
      expect(issued.json).toEqual({ id: expect.stringMatching(/^[A-Za-z0-9]{1,40}$/), key: expect.any(String) });
      expect(key).toMatch(new RegExp(`^vb_${id}_[A-Za-z0-9]{32,}$`));
      expect((await me(key)).json).toEqual({ tenant: 'default', user: 'ada', role });
    }
  });

  it('lists keys without anything of their secrets, revoked ones included', async () => {
    const { id } = await app.newKey('member');
    expect((await app.call('DELETE', `/api/v1/keys/${id}`)).status).toBe(204);
    const { status, json, text } = await app.call('GET', '/api/v1/keys');
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(status).toBe(200);
    expect((json as Items).items.find((item) => item.id === id)).toEqual({
      id,
      user: 'a member',
      role: 'member',
      name: 'k',
      createdAt: time,
      revokedAt: time,
    });
    expect((json as Items).items[0]).toMatchObject({ id: 'admin', revokedAt: null });
    expect(text).not.toMatch(/[0-9a-f]{64}|secret/i);
  });

  it('stops a revoked key at once on this node, and revoking again changes nothing', async () => {
    const { id, key } = await app.newKey('member');
    expect((await me(key)).status).toBe(200);
    expect(await app.call('DELETE', `/api/v1/keys/${id}`)).toMatchObject({ status: 204, text: '' });
    expect((await me(key)).status).toBe(401);
    const events = await app.eventCount();
    expect((await app.call('DELETE', `/api/v1/keys/${id}`)).status).toBe(204);
    expect(await app.eventCount()).toBe(events);
  });

  it('gives a new tenant its first administrator, who sees nothing but that tenant', async () => {
    const mine = await app.newKey('member');
    const tenant = await newTenant();
    expect((await me(tenant.key)).json).toEqual({ tenant: tenant.id, user: 'admin', role: 'admin' });
    const theirs = await app.newKey('member', tenant.key);
    const ids = async (key: string) =>
      ((await app.call('GET', '/api/v1/keys', { key })).json as Items).items.map(({ id }) => id);
    expect(await ids(tenant.key)).toHaveLength(2);
    expect(await ids(tenant.key)).toContain(theirs.id);
    expect(await ids(app.adminKey)).not.toContain(theirs.id);
    for (const id of [mine.id, 'admin', 'nobody']) {
      expect(await app.call('DELETE', `/api/v1/keys/${id}`, { key: tenant.key })).toMatchObject({
        status: 404,
        json: { code: 'not_found' },
      });
    }
    expect((await me(mine.key)).status).toBe(200);
    expect(await app.call('POST', '/api/v1/tenants', { key: tenant.key, body: { name: 'x' } })).toMatchObject({
      status: 403,
      json: { code: 'forbidden' },
    });
  });

  it('writes who did it, and on which trace, and no secret', async () => {
    const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
    const { json } = await app.call('POST', '/api/v1/keys', {
      body: { user: 'traced', role: 'member', name: 'k' },
      headers: { traceparent },
    });
    const secret = (json as Issued).key.split('_')[2] ?? '';
    const written: { data: string; meta: string }[] = [];
    for await (const { events } of app.engines.log.readAll('' as never)) written.push(...events);
    expect(JSON.parse(written.at(-1)?.meta ?? '')).toMatchObject({
      actor: { id: 'admin', kind: 'user' },
      correlationId: 'ab'.repeat(16),
      traceparent,
    });
    expect(JSON.stringify(written)).not.toContain(secret);
  });

  it.each([
    ['none', null],
    ['an unknown id', `vb_nobody_${'a'.repeat(64)}`],
    ['a wrong secret', `vb_admin_${'a'.repeat(64)}`],
    ['a short secret', 'vb_admin_short'],
    ['something else', 'hello'],
  ])('refuses %s as a key', async (_, key) => {
    for (const [method, url] of [
      ['GET', '/api/v1/me'],
      ['GET', '/api/v1/keys'],
      ['POST', '/api/v1/keys'],
      ['POST', '/api/v1/tenants'],
      ['DELETE', '/api/v1/keys/admin'],
    ] as const) {
      const { status, headers, json } = await app.call(method, url, { key });
      expect([status, headers['www-authenticate'], json]).toEqual([
        401,
        'Bearer',
        expect.objectContaining({ code: 'unauthenticated' }),
      ]);
    }
  });

  it('takes the scheme in any case, and no other scheme', async () => {
    const status = async (authorization: string) =>
      (await app.call('GET', '/api/v1/me', { key: null, headers: { authorization } })).status;
    expect(await status(`bearer ${app.adminKey}`)).toBe(200);
    expect(await status(`Basic ${app.adminKey}`)).toBe(401);
    expect(await status(app.adminKey)).toBe(401);
    expect(await status(`Bearer ${app.adminKey} x`)).toBe(401);
  });

  describe('lets each role do its own', () => {
    const calls = [
      ['GET', '/api/v1/me', { member: 200, auditor: 200, admin: 200 }],
      ['HEAD', '/api/v1/me', { member: 200, auditor: 200, admin: 200 }],
      ['GET', '/api/v1/keys', { member: 403, auditor: 403, admin: 200 }],
      ['POST', '/api/v1/keys', { member: 403, auditor: 403, admin: 400 }],
      ['DELETE', '/api/v1/keys/nobody', { member: 403, auditor: 403, admin: 404 }],
      ['POST', '/api/v1/tenants', { member: 403, auditor: 403, admin: 400 }],
    ] as const;
    it.each(calls)('%s %s', async (method, url, expected) => {
      for (const role of ['member', 'auditor', 'admin'] as const) {
        const { key } = await app.newKey(role);
        const events = await app.eventCount();
        expect([role, (await app.call(method, url, { key })).status]).toEqual([role, expected[role]]);
        expect(await app.eventCount()).toBe(events);
      }
    });
  });

  it('needs no key outside the API', async () => {
    for (const url of ['/health/live', '/metrics', '/openapi.json', '/docs'])
      expect((await app.call('GET', url, { key: null })).status).toBe(200);
  });

  it('documents its routes, the key that they need, and their problems', async () => {
    const document = (await app.call('GET', '/openapi.json')).json as {
      paths: Record<string, Record<string, { security?: unknown; responses: object }>>;
      components: { securitySchemes: unknown };
    };
    expect(document.components.securitySchemes).toMatchObject({ bearer: { type: 'http', scheme: 'bearer' } });
    const routes = Object.entries(document.paths).filter(([path]) => path.startsWith('/api/'));
    expect(routes.length).toBeGreaterThan(15);
    for (const [, methods] of routes) {
      for (const { security, responses } of Object.values(methods)) {
        expect(security).toEqual([{ bearer: [] }]);
        expect(Object.keys(responses)).toEqual(expect.arrayContaining(['401', '403', '500', '503']));
      }
    }
  });
});
