import { randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { startChat, type Turn } from '../support/chat.js';

it('a request that comes twenty times at once is answered by one call, however slow the log is', async () => {
  const chat = await startChat();
  try {
    const id = await chat.started();
    const { log } = chat.engines;
    const append = log.append.bind(log);
    log.append = async (...args) => {
      for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
      return append(...args);
    };
    const headers = { 'idempotency-key': randomUUID() };
    const ask = () => chat.post(`${id}/messages`, { content: 'Hi' }, { headers });
    const answers = await Promise.all(Array.from({ length: 20 }, ask));
    const turns = answers.map(({ json }) => json as Turn);
    expect(new Set(turns.map(({ generationId }) => generationId)).size).toBe(1);
    for (const { generationId } of turns.slice(0, 1)) await chat.ended(id, generationId);
    expect(chat.model.calls).toHaveLength(1);
  } finally {
    await chat.close();
  }
});
