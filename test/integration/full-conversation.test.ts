import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { limits } from '../../src/limits.js';
import { type Chat, CONVERSATIONS, HOLD, startChat, type Turn } from '../support/chat.js';
import { expectProblem } from '../support/expect-problem.js';
import { said, streamReads } from '../support/filled-conversation.js';

let chat: Chat;
beforeEach(async () => {
  chat = await startChat();
});
afterEach(() => chat.close());

/** Into the log, as commands would have brought them. */
async function withNotes(id: string, count: number, bytes: number): Promise<void> {
  const text = 'x'.repeat(bytes);
  for (let nth = 0; nth < count; nth++) await chat.append(`conversation-${id}`, [said(id, text, 'note')]);
}

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
  const reads = streamReads(chat.engines.log);
  for (const title of ['a', 'b', 'c']) await rename(id, title);
  for (const other of others) await rename(other, 'too');
  expect(reads()).toBe(0);
}, 120_000);

it('the text of a note is shown, now and at any cursor, although no decision remembers it', async () => {
  const id = await chat.started();
  const { cursor } = (await chat.post(`${id}/messages`, { content: 'to remember', kind: 'note' })).json as Turn;
  for (const query of [`?at=${cursor}`, `?min=${cursor}`]) {
    const { json } = await chat.call('GET', `${CONVERSATIONS}/${id}${query}`);
    expect(json).toMatchObject({ tree: [{ kind: 'note', text: 'to remember' }] });
  }
});
