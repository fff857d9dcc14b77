import { afterEach, describe, expect, it } from '@jest/globals';
import { type HttpApp, startHttpApp } from '../support/http-app.js';

describe('the log of requests', () => {
  let app: HttpApp;
  afterEach(() => app.close());
  const lines = () => app.log.map((line) => JSON.parse(line));

  it('has one line for each request, by route and not by address', async () => {
    app = await startHttpApp();
    const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
    await app.call('DELETE', '/api/v1/keys/some-id?text=hidden', { headers: { traceparent } });
    await app.call('GET', '/hidden/place', { key: null });
    await app.call('GET', '/api/v1/%E0%A4%A', { key: null });
    const common = {
      level: 'info',
      time: expect.any(Number),
      requestId: expect.any(String),
      durationMs: expect.any(Number),
      msg: 'request',
    };
    expect(lines()).toEqual([
      {
        ...common,
        traceId: 'ab'.repeat(16),
        method: 'DELETE',
        route: '/api/v1/keys/:id',
        status: 400,
        tenant: 'default',
        user: 'admin',
      },
      { ...common, traceId: expect.any(String), method: 'GET', route: null, status: 401 },
      { ...common, traceId: expect.any(String), method: 'GET', route: null, status: 400 },
    ]);
    expect(app.log.join('')).not.toMatch(/some-id|hidden|E0%A4/);
  });

  it('names the trace of each request, and the request itself', async () => {
    app = await startHttpApp();
    const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
    const { json } = await app.call('GET', '/api/v1/runs/none', { headers: { traceparent } });
    expect(json).toMatchObject({ traceId: 'ab'.repeat(16) });
    await app.call('GET', '/api/v1/me', { headers: { traceparent } });
    for (let nth = 0; nth < 2; nth++) await app.call('GET', '/api/v1/me');
    const [first, second, third, fourth] = lines();
    expect(first).toMatchObject({ route: '/api/v1/runs/:generationId', traceId: 'ab'.repeat(16) });
    expect(second).toMatchObject({ route: '/api/v1/me', traceId: 'ab'.repeat(16) });
    expect(third.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set([second, third, fourth].map(({ traceId }) => traceId)).size).toBe(3);
    expect(new Set([first, second, third, fourth].map(({ requestId }) => requestId)).size).toBe(4);
  });

  it('is silent below its level', async () => {
    app = await startHttpApp(undefined, { LOG_LEVEL: 'warn' });
    await app.call('GET', '/api/v1/me');
    expect(lines()).toEqual([]);
  });

  it('never holds a key, a hash, a body or a header', async () => {
    app = await startHttpApp();
    const issued = await app.newKey('member');
    const hidden = 'a-hidden-text';
    await app.call('POST', '/api/v1/tenants', { body: { name: hidden } });
    await app.call('POST', '/api/v1/tenants', { body: `{"name":"${hidden}"` });
    await app.call('POST', '/api/v1/tenants', { body: { [hidden]: hidden }, headers: { 'x-more': hidden } });
    await app.call('GET', `/api/v1/me?key=${issued.key}`, { key: `${issued.key}x` });
    await app.call('DELETE', `/api/v1/keys/${issued.key}`);
    await app.call('DELETE', `/api/v1/keys/${issued.id}`);
    expect(lines().filter(({ msg }) => msg === 'request')).toHaveLength(7);
    const log = app.log.join('');
    for (const secret of [issued.key, app.adminKey].map((key) => key.split('_')[2] ?? '')) {
      expect(secret).toHaveLength(64);
      expect(log).not.toContain(secret);
    }
    expect(log).not.toContain(hidden);
    expect(log).not.toMatch(/[0-9a-f]{64}/);
  });
});
