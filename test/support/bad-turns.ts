import { expect } from '@jest/globals';
import { type Chat, CONVERSATIONS, HOLD, startChat } from './chat.js';
import { expectProblem, pathsIn } from './expect-problem.js';
import type { CallOptions } from './http-app.js';

/** What is asked, and how it is refused. A path or body may name what stands, as `{idle}` or `{note}`. */
export type Case = [
  what: string,
  path: string,
  body: CallOptions['body'] | undefined,
  status: number,
  code: string,
  expected?: { paths?: string[]; more?: object; headers?: Record<string, string> },
];

export interface BadTurns {
  readonly chat: Chat;
  /** Refused, with nothing appended, and the product goes on. */
  check(method: 'POST' | 'PATCH' | 'PUT', refused: Case): Promise<void>;
}

/** One conversation that is idle, one that is busy, and one of another tenant. */
export async function startBadTurns(): Promise<BadTurns> {
  const chat = await startChat();
  const idle = await chat.started({ params: { seed: 1 } });
  const { messageId: message, generationId: reply } = await chat.done(idle, { content: 'Hi' });
  const { messageId: note } = await chat.sent(idle, { content: 'aside', kind: 'note' });
  const busy = await chat.started();
  const { generationId: open } = await chat.sent(busy, { content: HOLD });
  const { generationId: queued } = await chat.sent(busy, { content: 'x', whenBusy: 'enqueue' });
  await chat.firstWord(open);
  const tenant = (await chat.post('/api/v1/tenants', { name: 'acme' })).json as { key: string };
  const theirs = await chat.started({}, { key: tenant.key });

  const known: Record<string, string> = { idle, message, reply, note, busy, open, queued, theirs };
  const filled = (text: string) => text.replaceAll(/\{(\w+)\}/g, (name, id) => known[id] ?? name);
  return {
    chat,
    async check(method, [, path, body, status, code, expected = {}]) {
      const { paths, more, headers = {} } = expected;
      const events = await chat.eventCount();
      const isObject = typeof body === 'object' && !Buffer.isBuffer(body);
      const answer = await chat.call(method, path === '' ? CONVERSATIONS : `${CONVERSATIONS}/${filled(path)}`, {
        body: isObject ? filled(JSON.stringify(body)) : body,
        headers,
      });
      expectProblem(answer, status, code, more);
      if (paths) expect([...new Set(pathsIn(answer))].sort()).toEqual([...paths].sort());
      expect(await chat.eventCount()).toBe(events);
      expect((await chat.call('GET', '/health/live')).status).toBe(200);
    },
  };
}

export const KIB = 1024;
export const deep = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
export const text = (bytes: number): string => 'a'.repeat(bytes);

type Refused = readonly [number, string, { paths?: string[]; more?: object }];

export const invalid = (...paths: string[]): Refused => [400, 'invalid_request', { paths }];
export const ruled = (...paths: string[]): Refused => [422, 'value_refused', { paths }];
export const tooLong = (bytes: number, bytesMax: number): Refused => [
  422,
  'content_too_long',
  { more: { bytes, bytesMax } },
];
