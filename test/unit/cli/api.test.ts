import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Api, pathOf, ServerAway } from '../../../src/cli/api.js';
import { apiPlace, type ServerSettings } from '../../../src/cli/api-place.js';
import { CommandFailed, UsageError } from '../../../src/cli/failures.js';
import { answering } from '../../support/answering-server.js';

const KEY = `vb_admin_${'k3y'.repeat(20)}`;

describe('where the command line asks', () => {
  let dataDir: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'verbatim-cli-'));
  });
  afterAll(() => rm(dataDir, { recursive: true }));

  const settings =
    (others: Partial<ServerSettings> = {}) =>
    () => ({
      ...{ host: '127.0.0.1', port: 3000, dataDir, adminKey: KEY },
      ...others,
    });
  const failing = (options: object, others: Partial<ServerSettings> = {}) =>
    apiPlace(options, settings(others)).then(
      () => 'nothing',
      (error) => error,
    );

  it.each([
    ['127.0.0.1', 'http://127.0.0.1:3000'],
    ['0.0.0.0', 'http://127.0.0.1:3000'],
    ['::', 'http://[::1]:3000'],
    ['::1', 'http://[::1]:3000'],
    ['chat.example', 'http://chat.example:3000'],
  ])('of a server on %s at %s', async (host, url) => {
    expect(await apiPlace({}, settings({ host }))).toEqual({ url, key: KEY });
  });

  it('is what the options say, and then the environment is not even read', async () => {
    const unread = () => {
      throw new Error('read');
    };
    const place = { url: 'https://chat.example/verbatim', key: KEY };
    expect(await apiPlace({ url: 'https://chat.example/verbatim/', key: KEY }, unread)).toEqual(place);
  });

  it('is not known of a server that took any free port', async () => {
    expect(await failing({}, { port: 0 })).toBeInstanceOf(UsageError);
  });

  it('takes the key from the file of the first start when the environment has none', async () => {
    expect(await failing({}, { adminKey: undefined })).toBeInstanceOf(CommandFailed);
    await writeFile(join(dataDir, 'admin.key'), `${KEY}\n`);
    expect(await apiPlace({}, settings({ adminKey: undefined }))).toMatchObject({ key: KEY });
    await writeFile(join(dataDir, 'admin.key'), 's3cr3t and more');
    expect(String(await failing({}, { adminKey: undefined }))).not.toContain('s3cr3t');
  });

  it.each([
    [{ key: 's3cr3t' }],
    [{ key: `${KEY}\ns3cr3t` }],
    [{ url: 'http://me:s3cr3t@127.0.0.1' }],
    [{ url: 'ftp://s3cr3t' }],
    [{ url: 's3cr3t' }],
    [{ url: 'http://h/?s3cr3t' }],
  ])('refuses %j without repeating it', async (options) => {
    const error = await failing(options);
    expect(error).toBeInstanceOf(UsageError);
    expect(String(error)).not.toContain('s3cr3t');
  });
});

describe('a path of the API', () => {
  it('keeps what is put into it in one segment', () => {
    expect(pathOf('runs', 'a/../b?c#d', 'request')).toBe('/api/v1/runs/a%2F..%2Fb%3Fc%23d/request');
    for (const word of ['', '.', '..']) expect(() => pathOf('runs', word)).toThrow(UsageError);
  });
});

describe('an answer of the server', () => {
  const asked = (status: number, type: string, body: string) =>
    answering({ status, headers: { 'content-type': type }, body }, ({ url }) =>
      new Api({ url, key: KEY }).get<unknown>('/api/v1/runs').catch((error: Error) => error),
    );

  it('is taken as it is when it is JSON', async () => {
    expect(await asked(200, 'application/json; charset=utf-8', '{"a":1}')).toEqual({ a: 1 });
  });

  it('that refuses is shown with its own text, without control characters', async () => {
    const problem = JSON.stringify({ title: 'No', code: 'rebuild_running', detail: 'One\u001b[2J runs.' });
    const error = await asked(409, 'application/problem+json', problem);
    expect(error).toBeInstanceOf(CommandFailed);
    expect((error as Error).message).toBe('One\\u{1b}[2J runs. (409 rebuild_running)');
  });

  it.each([
    [502, 'text/html', '<p>Bad gateway</p>', /answers with 502$/],
    [404, 'application/problem+json', 'broken', /answers with 404$/],
    [200, 'text/html', '<p>Welcome</p>', /is not Verbatim$/],
  ])('that is not from Verbatim (%i, %s) is no success', async (status, type, body, message) => {
    expect(((await asked(status, type, body)) as Error).message).toMatch(message);
  });

  it('of 503, and no answer at all, may be retried', async () => {
    expect(await asked(503, 'application/problem+json', '{"code":"unavailable"}')).toBeInstanceOf(ServerAway);
    const nobody = new Api({ url: 'http://127.0.0.1:1', key: KEY });
    const error = await nobody.post('/api/v1/x').catch((reason) => reason);
    expect(error).toBeInstanceOf(ServerAway);
    expect(error.message).toMatch(/^No answer from http:\/\/127\.0\.0\.1:1 \(.+\)/);
  });

  it('that leads elsewhere is not followed: the key would go with it', async () => {
    const answer = { status: 302, headers: { location: 'http://127.0.0.1:1/' }, body: '' };
    await answering(answer, async ({ url, asked: seen }) => {
      await expect(new Api({ url, key: KEY }).get('/x')).rejects.toThrow(CommandFailed);
      expect(seen).toEqual(['GET /x']);
    });
  });
});
