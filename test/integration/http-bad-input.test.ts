import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RetryableError } from '../../src/ports/errors.js';
import type { AppendOutcome } from '../../src/ports/event-log.js';
import { expectProblem, pathsIn } from '../support/expect-problem.js';
import { type CallOptions, type HttpApp, startHttpApp } from '../support/http-app.js';
import { memoryEngines } from '../support/memory-engines.js';

const good = { user: 'ada', role: 'member', name: 'laptop' };

describe('bad input over HTTP', () => {
  let app: HttpApp;
  beforeAll(async () => {
    app = await startHttpApp();
  });
  afterAll(() => app.close());

  const text = (value: unknown) => JSON.stringify(value);
  const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  const xml = { 'content-type': 'application/xml' };

  type Case = [what: string, options: CallOptions, status: number, code: string, paths?: string[]];
  const cases: Case[] = [
    ['no body', {}, 400, 'invalid_request', ['']],
    ['an empty body', { body: '' }, 400, 'invalid_request', ['']],
    ['broken JSON', { body: '{"user":' }, 400, 'invalid_request', ['']],
    ['JSON that is no object', { body: '[]' }, 400, 'invalid_request', ['']],
    ['bytes that are not UTF-8', { body: Buffer.from([0x7b, 0xff, 0x7d]) }, 400, 'invalid_request', ['']],
    ['a missing field', { body: { ...good, name: undefined } }, 400, 'invalid_request', ['name']],
    ['an unknown field', { body: { ...good, admin: true } }, 400, 'invalid_request', ['admin']],
    ['an inherited name', { body: { ...good, hasOwnProperty: 1 } }, 400, 'invalid_request', ['hasOwnProperty']],
    [
      'wrong types, all told',
      { body: { user: 1, role: true, name: [] } },
      400,
      'invalid_request',
      ['user', 'role', 'name'],
    ],
    ['an unknown role', { body: { ...good, role: 'root' } }, 400, 'invalid_request', ['role']],
    ['a duplicate key', { body: `{"user":"a",${text(good).slice(1)}` }, 400, 'invalid_request', ['user']],
    [
      '__proto__',
      { body: `{"__proto__":{"role":"admin"},${text(good).slice(1)}` },
      400,
      'invalid_request',
      ['__proto__'],
    ],
    [
      'constructor.prototype',
      { body: '{"constructor":{"prototype":{}}}' },
      400,
      'invalid_request',
      ['constructor.prototype'],
    ],
    ['200,000-deep JSON', { body: deep(200_000) }, 400, 'invalid_request'],
    ['more than 1 MiB', { body: { ...good, name: 'a'.repeat(1024 * 1024) } }, 413, 'body_too_large'],
    ['another content type', { body: '<user/>', headers: xml }, 415, 'unsupported_media_type'],
    ['text', { body: text(good), headers: { 'content-type': 'text/plain' } }, 415, 'unsupported_media_type'],
    [
      'a form',
      { body: 'user=ada', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      'unsupported_media_type',
    ],
    [
      'JSON of another kind',
      { body: text(good), headers: { 'content-type': 'application/merge-patch+json' } },
      415,
      'unsupported_media_type',
    ],
    ['a packed body', { body: text(good), headers: { 'content-encoding': 'gzip' } }, 415, 'unsupported_media_type'],
    ['an empty name', { body: { ...good, name: '' } }, 422, 'value_refused', ['name']],
    ['a blank user', { body: { ...good, user: ' ' } }, 422, 'value_refused', ['user']],
    ['a long name', { body: { ...good, name: 'a'.repeat(201) } }, 422, 'value_refused', ['name']],
    ['NUL in a name', { body: { ...good, name: 'a\0' } }, 422, 'text_malformed'],
    ['half a surrogate pair', { body: { ...good, user: '\ud800' } }, 422, 'text_malformed'],
  ];
  it.each(cases)('answers %s as it should, and appends nothing', async (...[, options, status, code, paths]: Case) => {
    const events = await app.eventCount();
    const answer = await app.call('POST', '/api/v1/keys', options);
    expectProblem(answer, status, code);
    if (paths) expect(pathsIn(answer).sort()).toEqual([...new Set(paths)].sort());
    expect(await app.eventCount()).toBe(events);
    expect((await app.call('GET', '/health/live')).status).toBe(200);
  });

  it('takes JSON with any parameter, in any case', async () => {
    for (const type of ['application/json; charset=utf-8', 'Application/JSON', 'application/json;x=y']) {
      const answer = await app.call('POST', '/api/v1/keys', { body: good, headers: { 'content-type': type } });
      expect(answer.status).toBe(201);
    }
  });

  it('accepts a body with Content-Encoding: identity', async () => {
    for (const coding of ['identity', 'Identity']) {
      const answer = await app.call('POST', '/api/v1/keys', { body: good, headers: { 'content-encoding': coding } });
      expect(answer.status).toBe(201);
    }
  });

  it('refuses unknown query parameters on every route', async () => {
    const { paths } = (await app.call('GET', '/openapi.json')).json as {
      paths: Record<string, Record<string, { parameters?: { in: string; name: string; required?: boolean }[] }>>;
    };
    const routes = Object.entries(paths).filter(([path]) => path.startsWith('/api/'));
    expect(routes.length).toBeGreaterThan(15);
    const events = await app.eventCount();
    for (const [path, methods] of routes) {
      for (const [method, { parameters = [] }] of Object.entries(methods)) {
        const needed = parameters.filter((parameter) => parameter.in === 'query' && parameter.required);
        const url = `${path.replaceAll(/\{\w+\}/g, 'x')}?unknown=1${needed.map(({ name }) => `&${name}=1`).join('')}`;
        const body = ['post', 'put', 'patch'].includes(method) ? {} : undefined;
        const answer = await app.call(method.toUpperCase() as 'GET', url, { body });
        expect([method, path, pathsIn(answer)]).toEqual([method, path, ['unknown']]);
        expectProblem(answer, 400, 'invalid_request');
      }
    }
    expect(await app.eventCount()).toBe(events);
    expect((await app.call('GET', '/health/live?probe=1')).status).toBe(200);
  });

  it('needs no body on a route that takes none', async () => {
    const { id } = await app.newKey('member');
    const headers = { 'content-type': 'application/json' };
    expect((await app.call('DELETE', `/api/v1/keys/${id}`, { headers })).status).toBe(204);
  });

  it.each([
    ['GET', '/'],
    ['GET', '/api/v1/nothing?secret=1'],
    ['DELETE', `/api/v1/keys/${'a'.repeat(900)}`],
    ['DELETE', `/api/v1/keys/${'a'.repeat(1_100)}`],
    ['DELETE', '/api/v1/keys/'],
    ['DELETE', '/api/v1/keys/%00'],
    ['GET', '/docs/../../etc/passwd'],
  ] as const)('finds nothing at %s %s', async (method, url) => {
    const answer = await app.call(method, url);
    expectProblem(answer, 404, 'not_found');
    expect(answer.text).not.toContain('secret');
  });

  it('answers a malformed URL as a malformed request', async () => {
    expectProblem(await app.call('GET', '/api/v1/%E0%A4%A'), 400, 'invalid_request');
  });

  it('gives up on a request that does not arrive', () => {
    expect(app.app.getHttpServer().requestTimeout).toBe(30_000);
  });

  it('checks the key before it reads the body', async () => {
    const body = 'a'.repeat(2 * 1024 * 1024);
    const answer = await app.call('POST', '/api/v1/keys', { key: null, body });
    expectProblem(answer, 401, 'unauthenticated');
    expect(answer.headers['www-authenticate']).toBe('Bearer');
  });

  it('keeps the trace of the caller, and creates one for a caller without', async () => {
    const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
    const traceOf = async (headers = {}) =>
      ((await app.call('GET', '/nothing', { headers })).json as { traceId: string }).traceId;
    expect(await traceOf({ traceparent })).toBe('ab'.repeat(16));
    expect(await traceOf({ traceparent: `${traceparent}x` })).not.toBe('ab'.repeat(16));
    expect(await traceOf()).not.toBe(await traceOf());
  });

  it('sets the headers that protect a browser, on errors too, and lets /docs work', async () => {
    for (const url of ['/api/v1/me', '/nothing', '/docs']) {
      const { headers } = await app.call('GET', url);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'content-security-policy': expect.stringContaining("script-src 'self'"),
      });
      expect(headers['content-security-policy']).not.toContain('upgrade-insecure-requests');
    }
    expect((await app.call('GET', '/docs')).text).not.toMatch(/<script(?![^>]*\bsrc=)[^>]*>/);
  });

  it('shows no details of an unexpected error', async () => {
    const engines = memoryEngines();
    const broken = await startHttpApp({
      ...engines,
      keys: Object.assign(Object.create(engines.keys), {
        ofTenant: async () => {
          throw new Error('a secret detail');
        },
      }),
    });
    const answer = await broken.call('GET', '/api/v1/keys');
    expectProblem(answer, 500, 'internal_error');
    await broken.close();
    const { traceId } = answer.json as { traceId: string };
    const line = broken.log.map((each) => JSON.parse(each)).find(({ level }) => level === 'error');
    expect(line).toMatchObject({
      traceId,
      code: 'internal_error',
      err: { type: 'Error', stack: expect.stringMatching(/^at /) },
    });
    expect(answer.text + broken.log.join('')).not.toContain('a secret detail');
  });

  it('answers 503 with Retry-After while the log or the keys are away', async () => {
    const engines = memoryEngines();
    let away = false;
    const logAway = await startHttpApp(engines);
    const append = engines.log.append.bind(engines.log);
    const unavailable: AppendOutcome = { outcome: 'unavailable', maybeWritten: false };
    engines.log.append = async (...args) => (away ? unavailable : append(...args));
    away = true;
    const refused = await logAway.call('POST', '/api/v1/keys', { body: good });
    expectProblem(refused, 503, 'log_unavailable');
    expect(refused.headers['retry-after']).toBe('1');
    engines.keys.findAll = async () => {
      throw new RetryableError('away');
    };
    const unknown = await logAway.call('GET', '/api/v1/me', {
      key: `vb_${randomUUID().slice(0, 8)}_${'a'.repeat(32)}`,
    });
    expectProblem(unknown, 503, 'unavailable');
    await logAway.close();
  });

  it('goes on after requests that break off or are no HTTP at all', async () => {
    await app.app.listen(0, '127.0.0.1');
    const { port } = app.app.getHttpServer().address() as { port: number };
    const head = `POST /api/v1/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${app.adminKey}\r\n`;
    for (const bytes of [
      '\0\0\0\r\n\r\n',
      `${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"user"`,
    ]) {
      await new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
        socket
          .resume()
          .on('close', resolve)
          .on('error', () => {});
      });
    }
    expect((await app.call('GET', '/api/v1/me')).status).toBe(200);
    expect(app.log.filter((line) => line.includes('"error"'))).toEqual([]);
  });
});
