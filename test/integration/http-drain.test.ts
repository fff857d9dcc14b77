import { describe, expect, it } from '@jest/globals';
import { Drain } from '../../src/sagas/generation-saga.js';
import { OpenStreams } from '../../src/sse/open-streams.js';
import { HOLD, startChat } from '../support/chat.js';
import { until } from '../support/until.js';

/** A process that stops, and lets one answer go on. */
async function draining(environment = {}) {
  const chat = await startChat(environment);
  const open = await chat.started();
  const turn = await chat.sent(open, { content: HOLD });
  await chat.firstWord(turn.generationId);
  const idle = await chat.started();
  let isClosed = false;
  const closing = chat.app.close().then(() => {
    isClosed = true;
  });
  await until(() => chat.app.get(OpenStreams).isDraining);
  return { chat, open, idle, turn, closing, isClosed: () => isClosed };
}

describe('a process that drains', () => {
  it('finishes an open answer that ends within the drain', async () => {
    const { chat, open, turn, closing, isClosed } = await draining();
    expect(isClosed()).toBe(false);
    chat.release();
    await closing;
    expect(await chat.ended(open, turn.generationId)).toMatchObject({ status: 'final' });
  });

  it('answers a turn that asks for its stream with 202 and JSON, because the turn is committed', async () => {
    const { chat, idle, closing } = await draining();
    const headers = { accept: 'text/event-stream' };
    const answer = await chat.post(`${idle}/messages`, { content: 'Hi' }, { headers });
    expect([answer.status, answer.headers['content-type']]).toEqual([202, 'application/json; charset=utf-8']);
    const { messageId, generationId } = answer.json as { messageId: string; generationId: string };
    expect(messageId).not.toBe(generationId);
    expect(await chat.types(`conversation-${idle}`)).toContain('MessageSent');
    chat.release();
    await closing;
  });

  it('hands its open answer over at the end of the drain', async () => {
    const { chat, open, turn, closing } = await draining({ VERBATIM_DRAIN_MS: '0' });
    await closing;
    expect(await chat.types(`conversation-${open}`)).not.toContain('GenerationFinalized');
    expect(await chat.types(`generation-${turn.generationId}`)).toContain('DeltaReceived');
  });

  it('hands its answer over at once when the drain is cut short', async () => {
    const { chat, open, closing } = await draining();
    chat.app.get(Drain).cutShort();
    await closing;
    expect(await chat.types(`conversation-${open}`)).not.toContain('GenerationFinalized');
  });
});
