import { once } from 'node:events';
import { request } from 'node:http';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { OpenStreams } from '../../src/sse/open-streams.js';
import type { ApiDocument } from '../support/api-contract.js';
import { type Chat, startChat } from '../support/chat.js';
import { SseClient } from '../support/sse-client.js';
import { until } from '../support/until.js';

let chat: Chat;
let address: string;
let conversation: string;
beforeAll(async () => {
  // A feed that HEAD left open would keep this one place.
  chat = await startChat({ VERBATIM_MAX_FEEDS_PER_USER: '1' });
  await chat.app.listen(0, '127.0.0.1');
  address = await chat.app.getUrl();
  conversation = await chat.started();
});
afterAll(() => chat.close());

const headers = () => ({ authorization: `Bearer ${chat.adminKey}` });

async function head(path: string) {
  const asked = request(`${address}${path}`, { method: 'HEAD', headers: headers(), agent: false });
  asked.end();
  const [response] = await once(asked, 'response');
  response.resume();
  await once(response, 'end');
  return {
    status: response.statusCode,
    type: response.headers['content-type'],
    cache: response.headers['cache-control'],
  };
}

it('HEAD of every stream answers as GET begins, ends, and leaves no feed open', async () => {
  const { paths } = (await chat.call('GET', '/openapi.json')).json as ApiDocument;
  const streams = Object.entries(paths).flatMap(([path, { get }]) =>
    get?.responses[200]?.content?.['text/event-stream'] ? [path.replace('{id}', conversation)] : [],
  );
  expect(streams.length).toBeGreaterThanOrEqual(2);
  for (const path of streams) {
    for (const again of [1, 2, 3]) {
      const answer = await head(path);
      expect([path, again, answer]).toEqual([
        path,
        again,
        { status: 200, type: 'text/event-stream; charset=utf-8', cache: 'no-cache, no-transform' },
      ]);
    }
    expect(chat.app.get(OpenStreams).size).toBe(0);
    const feed = await SseClient.open(`${address}${path}`, headers());
    expect([path, feed.response.statusCode]).toEqual([path, 200]);
    feed.leave();
    await until(() => chat.app.get(OpenStreams).size === 0);
  }
});

it('HEAD of a stream refuses what GET refuses', async () => {
  expect(await head('/api/v1/runs/events?after=0-1')).toMatchObject({ status: 400 });
  expect(await head('/api/v1/runs/events?after=9999999999')).toMatchObject({ status: 422 });
  expect(await head(`/api/v1/conversations/${conversation}/events?after=999:0`)).toMatchObject({ status: 422 });
});
