import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ConversationEvent } from '../../src/events/conversation-events.js';
import { ChatLog } from '../support/chat-log.js';
import { type ReadingServer, startReadingServer } from '../support/reading-server.js';
import { SseClient } from '../support/sse-client.js';
import { until } from '../support/until.js';

type Failure = Extract<ConversationEvent, { type: 'GenerationFinalized' }>['data']['error'];

describe('a turn that is streamed as the answer to its request', () => {
  let server: ReadingServer;
  let chat: ChatLog;
  const clients: SseClient[] = [];
  beforeEach(async () => {
    server = await startReadingServer();
    chat = await new ChatLog(server.log).started();
    await chat.sent('m1', 'hello');
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.leave();
    await server.close();
    expect(server.live.listening).toBe(0);
    expect(server.failures).toEqual([]);
  });

  const follow = async (generation: string, cursor: string) => {
    const client = await SseClient.open(`${server.address}/turn/${chat.id}/${generation}/${cursor}`, {}, 'POST');
    clients.push(client);
    return client;
  };
  const told = ({ events }: SseClient) => events.map(({ data }) => data);

  it('names what was made, sends each piece as it is committed, and ends', async () => {
    await chat.asked('g1', 'm1');
    const client = await follow('g1', '4:0');
    expect(client.response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'verbatim-message-id': 'm1',
      'verbatim-generation-id': 'g1',
    });
    await chat.claimed('g1');
    await chat.delta('g1', 'hm', 'reasoning');
    await chat.delta('g1', 'Hel');
    await until(() => client.events.length === 1);
    await chat.sent('n', 'a note', { kind: 'note' });
    await chat.delta('g1', 'lo\n');
    await chat.attemptEnded('g1');
    await chat.finalized('g1');
    await until(() => client.isClosed);
    expect(client.text).toBe(
      'data: {"token":"Hel"}\n\ndata: {"token":"lo\\n"}\n\ndata: {"done":true,"full_response":"Hello\\n","status":"final"}\n\n',
    );
  });

  it('streams a turn that has ended in the same way again, without the turns after it', async () => {
    await chat.asked('g1', 'm1');
    await chat.claimed('g1');
    await chat.delta('g1', 'one');
    await chat.attemptEnded('g1', { outcome: 'cancelled', finishReason: null });
    await chat.finalized('g1', { status: 'cancelled', finishReason: null });
    await chat.turn('2', ['two'], 'g1');
    const client = await follow('g1', '4:0');
    await until(() => client.isClosed);
    expect(told(client)).toEqual([{ token: 'one' }, { done: true, full_response: 'one', status: 'cancelled' }]);
  });

  it('waits for a turn that is queued, without events of the one before it', async () => {
    await chat.asked('g1', 'm1');
    await chat.claimed('g1');
    await chat.sent('m2', 'next', { parent: 'g1' });
    await chat.requested('g2', 'm2');
    const client = await follow('g2', '6:0');
    await chat.delta('g1', 'not this');
    await chat.attemptEnded('g1');
    await chat.finalized('g1');
    await chat.assembled('g2');
    await chat.claimed('g2');
    await chat.delta('g2', 'this');
    await chat.attemptEnded('g2');
    await chat.finalized('g2');
    await until(() => client.isClosed);
    expect(told(client)).toEqual([{ token: 'this' }, { done: true, full_response: 'this', status: 'final' }]);
  });

  it.each([
    ['provider_error', 502],
    ['rate_limited', 502],
    ['network', 502],
    ['incomplete', 502],
    ['timeout', 504],
    ['interrupted', 500],
    ['too_long', 413],
    ['prompt_over_budget', 422],
    ['provider_not_configured', 422],
  ])('says of %s that it is a %i', async (kind, code) => {
    await chat.requested('g1', 'm1');
    const client = await follow('g1', '3:0');
    const error: Failure = { kind, message: 'What went wrong.' };
    await chat.finalized('g1', { status: 'error', finishReason: null, attempt: null, error });
    await until(() => client.isClosed);
    expect(told(client)).toEqual([{ error: 'What went wrong.', code }]);
  });

  it('ends for a client that leaves, and the turn goes on', async () => {
    await chat.asked('g1', 'm1');
    const client = await follow('g1', '4:0');
    await until(() => server.live.listening === 1);
    client.leave();
    await until(() => server.live.listening === 0);
    await chat.claimed('g1');
    await chat.delta('g1', 'still');
    await chat.attemptEnded('g1');
    await chat.finalized('g1');
    const again = await follow('g1', '4:0');
    await until(() => again.isClosed);
    expect(told(again).at(-1)).toEqual({ done: true, full_response: 'still', status: 'final' });
  });

  it('keeps the connection for another request, unless the process stops', async () => {
    await chat.turn('1', ['a']);
    const answer = await fetch(`${server.address}/turn/${chat.id}/g1/4:0`, { method: 'POST' });
    expect(answer.headers.get('connection')).toBe('keep-alive');
    expect(await answer.text()).toContain('"done":true');
    await chat.sent('m2', 'two', { parent: 'g1' });
    await chat.asked('g2', 'm2');
    const cursor = '9:0';
    const cut = await follow('g2', cursor);
    await until(() => server.live.listening === 1);
    await server.close();
    await until(() => cut.isClosed);
  });
});
