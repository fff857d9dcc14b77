import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { limits } from '../../src/limits.js';
import { type Chat, CONVERSATIONS, startChat } from '../support/chat.js';
import { said, streamReads } from '../support/filled-conversation.js';

let chat: Chat;
beforeEach(async () => {
  chat = await startChat();
});
afterEach(() => chat.close());

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
  const reads = streamReads(chat.engines.log);
  for (const title of ['a', 'b', 'c']) for (const id of ids) await rename(id, title);
  expect(reads()).toBe(0);
  for (const id of ids) {
    expect(await chat.post(`${id}/messages`, { content: 'more' })).toMatchObject({
      status: 422,
      json: { code: 'conversation_full' },
    });
  }
}, 120_000);
