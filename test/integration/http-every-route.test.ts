import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { FastifyInstance } from 'fastify';
import { limits } from '../../src/limits.js';
import { expectProblem } from '../support/expect-problem.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { registeredRoutes } from '../support/registered-routes.js';

type Method = Parameters<HttpApp['call']>[0];

/** The whole list: a route that is not in it needs a key. */
const PUBLIC = ['/health/live', '/health/ready', '/metrics', '/openapi.json'];
const isOfDocs = (pattern: string) => /^\/docs(\/|$)/.test(pattern);

/** Routes that a careless change adds, outside of what is usually protected. */
const THOUGHTLESS = ['/internal/dump', '/healthz', '/health', '/metrics/raw', '/docs-internal', '/api', '/v1/models'];

let http: HttpApp;
let server: FastifyInstance;
beforeAll(async () => {
  http = await startHttpApp();
  server = http.app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  for (const url of THOUGHTLESS) server.get(url, async () => 'a secret');
  server.post('/metrics', async () => 'a secret');
});
afterAll(() => http.close());

const concrete = (pattern: string) => pattern.replaceAll(/:\w+|\*/g, 'x');
const call = (method: string, url: string, key?: string | null) => http.call(method as Method, url, { key });

describe('the key', () => {
  it('is needed on every registered route that is not named as public', async () => {
    await call('GET', '/health/live');
    const routes = registeredRoutes(server);
    const methods = routes.map(({ method, pattern }) => `${method} ${pattern}`);
    expect(methods).toEqual(
      expect.arrayContaining([
        'GET /api/v1/runs/:generationId/request',
        'HEAD /api/v1/runs/events',
        'DELETE /api/v1/keys/:id',
        'POST /metrics',
        ...THOUGHTLESS.map((url) => `GET ${url}`),
      ]),
    );
    for (const { method, pattern } of routes) {
      const isPublic = method !== 'POST' && (PUBLIC.includes(pattern) || isOfDocs(pattern));
      const { status, headers, text } = await call(method, concrete(pattern), null);
      expect([method, pattern, status === 401]).toEqual([method, pattern, !isPublic]);
      if (!isPublic) expect(headers['www-authenticate']).toBe('Bearer');
      expect(text).not.toContain('a secret');
    }
  });

  it('opens a route that was added in this test, so that only the key was missing', async () => {
    for (const url of THOUGHTLESS) expect(await call('GET', url)).toMatchObject({ status: 200, text: 'a secret' });
    expect(await call('POST', '/metrics')).toMatchObject({ status: 200, text: 'a secret' });
  });

  it.each([
    '/',
    '/favicon.ico',
    '/nothing',
    '/api/v1/nothing',
    '/api/v1/me/',
    '/API/v1/me',
    '//api/v1/me',
    '/health/live/',
    '/docs-yaml',
    '/v1/chat/completions',
  ])('is needed before the server says that nothing is at %s', async (url) => {
    expectProblem(await call('GET', url, null), 401, 'unauthenticated');
    expectProblem(await call('GET', url), 404, 'not_found');
  });

  it('is needed before the server says which methods a path has', async () => {
    expectProblem(await call('DELETE', '/api/v1/me', null), 401, 'unauthenticated');
    expectProblem(await call('OPTIONS', '/api/v1/me', null), 401, 'unauthenticated');
  });
});

describe('a known path with a method that it does not have', () => {
  it.each([
    ['PUT', '/api/v1/me', 'GET, HEAD'],
    ['GET', '/api/v1/keys/x', 'DELETE'],
    ['GET', `/api/v1/keys/${'x'.repeat(limits.pathParameterCharactersMax)}`, 'DELETE'],
    ['HEAD', '/api/v1/tenants', 'POST'],
    ['DELETE', '/api/v1/conversations/x', 'GET, HEAD, PATCH'],
    ['GET', '/api/v1/conversations/x/messages?limit=1', 'POST'],
    ['PATCH', '/api/v1/runs/events', 'GET, HEAD'],
    ['TRACE', '/api/v1/conversations', 'GET, HEAD, POST'],
    ['PROPFIND', '/api/v1/usage', 'GET, HEAD'],
    ['DELETE', '/openapi.json', 'GET, HEAD'],
  ])('%s %s is 405, and Allow names what it has: %s', async (method, url, allowed) => {
    const answer = await call(method, url);
    expect([answer.status, answer.headers.allow]).toEqual([405, `${allowed}, OPTIONS`]);
    if (method !== 'HEAD') expectProblem(answer, 405, 'method_not_allowed');
  });

  it('is refused before its body is read', async () => {
    const body = 'x'.repeat(2 * 1024 * 1024);
    const answer = await http.call('PUT', '/api/v1/me', { body, headers: { 'content-type': 'text/plain' } });
    expectProblem(answer, 405, 'method_not_allowed');
  });

  it('needs no key where the path needs none', async () => {
    const answer = await call('POST', '/health/live', null);
    expectProblem(answer, 405, 'method_not_allowed');
    expect(answer.headers.allow).toBe('GET, HEAD, OPTIONS');
  });

  it('is answered to OPTIONS with what it has', async () => {
    for (const [url, allowed, key] of [
      ['/api/v1/keys', 'GET, HEAD, POST, OPTIONS', undefined],
      ['/health/ready', 'GET, HEAD, OPTIONS', null],
    ] as const) {
      const { status, headers, text } = await call('OPTIONS', url, key);
      expect([status, headers.allow, text]).toEqual([204, allowed, '']);
    }
    expectProblem(await call('OPTIONS', '/api/v1/nothing'), 404, 'not_found');
  });
});
