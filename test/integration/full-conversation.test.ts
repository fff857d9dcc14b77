import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { NewEvent } from '../../src/events/envelope.js';
import { limits } from '../../src/limits.js';
import { type Chat, CONVERSATIONS, HOLD, startChat, type Turn } from '../support/chat.js';
import { expectProblem } from '../support/expect-problem.js';
import { newEvent } from '../support/new-events.js';

let chat: Chat;
beforeEach(async () => {
  chat = await startChat();
});
afterEach(() => chat.close());

function said(conversation: string, text: string, kind: 'message' | 'note'): NewEvent {
  const commandId = randomUUID();
  const actor = { id: 'admin', kind: 'user' };
  return newEvent(
    {
      type: 'MessageSent',
      data: {
        messageId: commandId,
        parent: null,
        role: 'user',
        origin: 'person',
        kind,
        parts: [{ type: 'text', text }],
      },
    },
    {
      id: randomUUID(),
      tenant: 'default',
      at: '2026-01-02T03:04:05.678Z',
      meta: { conversation, owner: 'admin', actor, commandId, correlationId: 'trace' },
    },
  );
}

/** Into the log, as commands would have brought them. */
async function withNotes(id: string, count: number, bytes: number): Promise<void> {
  const text = 'x'.repeat(bytes);
  for (let nth = 0; nth < count; nth++) await chat.append(`conversation-${id}`, [said(id, text, 'note')]);
}

const read = (): (() => number) => {
  const { log } = chat.engines;
  const readStream = log.readStream.bind(log);
  let reads = 0;
  log.readStream = (...args) => {
    reads += 1;
    return readStream(...args);
  };
  return () => reads;
};

it('a conversation of 64 MiB refuses more, and can still be cancelled, renamed, archived and read', async () => {
  const id = await chat.started();
  const open = await chat.sent(id, { content: HOLD });
  await chat.firstWord(open.generationId);
  await withNotes(id, 256, limits.contentBytesMax);

  const refused = await chat.post(`${id}/messages`, { content: 'more', whenBusy: 'enqueue' });
  expectProblem(refused, 422, 'conversation_full', {
    nodes: 258,
    nodesMax: limits.conversationNodesMax,
    textBytes: expect.any(Number),
    textBytesMax: limits.conversationTextBytesMax,
  });
  const full = { status: 422, json: { code: 'conversation_full' } };
  for (const [path, body] of [
    ['messages', { content: 'a note', kind: 'note' }],
    ['preview', { content: 'more' }],
    [`messages/${open.messageId}/edit`, { content: 'again', whenBusy: 'enqueue' }],
    [`generations/${open.generationId}/regenerate`, { whenBusy: 'enqueue' }],
  ] as const) {
    expect(await chat.post(`${id}/${path}`, body)).toMatchObject(full);
  }
  const patched = await chat.call('PATCH', `${CONVERSATIONS}/${id}`, { body: { system: 'x' } });
  expect(patched).toMatchObject(full);

  expect((await chat.post(`${id}/generations/${open.generationId}/cancel`)).status).toBe(202);
  expect(await chat.ended(id, open.generationId)).toMatchObject({ status: 'cancelled' });
  for (const body of [{ title: 'Old' }, { archived: true }, { archived: false }, { model: 'demo' }]) {
    expect((await chat.call('PATCH', `${CONVERSATIONS}/${id}`, { body })).status).toBe(200);
  }
  const shown = await chat.call('GET', `${CONVERSATIONS}/${id}`);
  expect(shown.json).toMatchObject({ title: 'Old', status: 'idle', more: true });
}, 120_000);

it('a command on a conversation of 150 long notes reads nothing, and neither do those on others', async () => {
  const id = await chat.started();
  const others = await Promise.all(Array.from({ length: 20 }, () => chat.started()));
  await withNotes(id, 150, 250 * 1024);
  const rename = async (conversation: string, title: string) => {
    expect((await chat.call('PATCH', `${CONVERSATIONS}/${conversation}`, { body: { title } })).status).toBe(200);
  };
  await rename(id, 'first');
  const reads = read();
  for (const title of ['a', 'b', 'c']) await rename(id, title);
  for (const other of others) await rename(other, 'too');
  expect(reads()).toBe(0);
}, 120_000);

it('two conversations that quotes have filled refuse more, and a change of either reads nothing', async () => {
  const quotes = '"'.repeat(limits.contentBytesMax);
  const ids = [await chat.started(), await chat.started()] as const;
  for (const id of ids) {
    for (let nth = 0; nth < 225; nth++) {
      await chat.append(`conversation-${id}`, [said(id, quotes, 'message')]);
    }
  }
  const rename = async (id: string, title: string) => {
    expect((await chat.call('PATCH', `${CONVERSATIONS}/${id}`, { body: { title } })).status).toBe(200);
  };
  for (const id of ids) await rename(id, 'first');
  const reads = read();
  for (const title of ['a', 'b', 'c']) for (const id of ids) await rename(id, title);
  expect(reads()).toBe(0);
  for (const id of ids) {
    expect(await chat.post(`${id}/messages`, { content: 'more' })).toMatchObject({
      status: 422,
      json: { code: 'conversation_full' },
    });
  }
}, 120_000);

it('the text of a note is shown, now and at any cursor, although no decision remembers it', async () => {
  const id = await chat.started();
  const { cursor } = (await chat.post(`${id}/messages`, { content: 'to remember', kind: 'note' })).json as Turn;
  for (const query of [`?at=${cursor}`, `?min=${cursor}`]) {
    const { json } = await chat.call('GET', `${CONVERSATIONS}/${id}${query}`);
    expect(json).toMatchObject({ tree: [{ kind: 'note', text: 'to remember' }] });
  }
});
