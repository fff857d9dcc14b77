import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OpenStreams } from '../../src/sse/open-streams.js';
import { type Chat, HOLD, startChat, type Turn } from '../support/chat.js';
import { expectProblem } from '../support/expect-problem.js';
import { SseClient } from '../support/sse-client.js';
import { until } from '../support/until.js';

let chat: Chat;
let id: string;
beforeEach(async () => {
  chat = await startChat();
  id = await chat.started();
});
afterEach(() => chat.close());

const stream = (path: string, body?: object, headers = {}) =>
  chat.post(`${id}/${path}`, body, { headers: { accept: 'text/event-stream', ...headers } });
const dataIn = (text: string) => text.split('\n\n').flatMap((frame) => (frame ? [JSON.parse(frame.slice(6))] : []));
const answerTo = (messages: number) => ({
  pieces: `answer to ${messages} in all`,
  end: { done: true, full_response: `answer to ${messages} in all`, status: 'final' },
});
const told = (text: string) => {
  const data = dataIn(text);
  return {
    pieces: data
      .slice(0, -1)
      .map(({ token }) => token)
      .join(''),
    end: data.at(-1),
  };
};

describe('a turn as a stream', () => {
  it('is the whole answer, for each route that asks a model', async () => {
    const sent = await stream('messages', { content: 'Hi' });
    expect([sent.status, sent.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
    expect(told(sent.text)).toEqual(answerTo(1));
    const message = sent.headers['verbatim-message-id'];
    const generation = sent.headers['verbatim-generation-id'];
    expect(await chat.ended(id, String(generation))).toMatchObject({ status: 'final' });

    const edited = await stream(`messages/${message}/edit`, { content: 'Ho' });
    expect(told(edited.text)).toEqual(answerTo(1));
    expect(edited.headers['verbatim-message-id']).not.toBe(message);

    const again = await stream(`generations/${generation}/regenerate`);
    expect(told(again.text)).toEqual(answerTo(1));
    expect(again.headers['verbatim-message-id']).toBe(message);
    expect(again.headers['verbatim-generation-id']).not.toBe(generation);

    const silent = await chat.sent(id, { content: 'later', generate: false });
    const asked = await stream(`messages/${silent.messageId}/generate`, {});
    expect(told(asked.text)).toEqual(answerTo(3));
    const errors = chat.log.filter((line) => /"level":"(warn|error)"/.test(line));
    expect(errors).toEqual([]);
  });

  it.each([
    ['text/event-stream', true],
    ['application/json, Text/Event-Stream;q=0.5', true],
    ['application/json', false],
    ['*/*', false],
    ['text/*', false],
  ])('is the answer for Accept: %s: %s', async (accept, isStream) => {
    const { status } = await stream('messages', { content: 'Hi' }, { accept });
    expect(status).toBe(isStream ? 200 : 202);
  });

  it('does not exist for requests that start no turn', async () => {
    for (const body of [{ kind: 'note' }, { generate: false }]) {
      const { status, json } = await stream('messages', { content: 'x', ...body });
      expect([status, json]).toEqual([202, { messageId: expect.any(String), cursor: expect.any(String) }]);
    }
  });

  it('is refused like every request, before its first byte', async () => {
    expectProblem(await stream('messages', { content: '' }), 422, 'content_empty');
    expectProblem(await stream('messages', { content: 'Hi', provider: 'x' }), 422, 'provider_not_configured', {
      provider: 'x',
    });
    expectProblem(await stream('messages', {}), 400, 'invalid_request');
    expectProblem(await stream('generations/x/regenerate'), 404, 'generation_not_found');
  });

  it('replays the turn when it is asked for again, whatever form it had', async () => {
    const headers = { 'idempotency-key': 'once' };
    const first = await stream('messages', { content: 'Hi' }, headers);
    const again = await stream('messages', { content: 'Hi' }, headers);
    expect(told(again.text)).toEqual(told(first.text));
    const generation = first.headers['verbatim-generation-id'];
    expect(again.headers['verbatim-generation-id']).toBe(generation);
    const { status, json } = await stream('messages', { content: 'Hi' }, { ...headers, accept: '*/*' });
    expect([status, (json as Turn).generationId]).toEqual([202, generation]);
    expect(chat.model.calls).toHaveLength(1);
  });

  it('is not needed by its turn, which continues without the client', async () => {
    await chat.app.listen(0, '127.0.0.1');
    const url = `${await chat.app.getUrl()}/api/v1/conversations/${id}/messages`;
    const headers = {
      authorization: `Bearer ${chat.adminKey}`,
      accept: 'text/event-stream',
      'content-type': 'application/json',
    };
    const client = await SseClient.open(url, headers, 'POST', JSON.stringify({ content: HOLD }));
    await until(() => client.events.length > 0);
    expect(client.events.map(({ data }) => data)).toEqual([{ token: 'answer to 1' }]);
    client.leave();
    await until(() => chat.app.get(OpenStreams).size === 0);
    chat.release();
    const generation = String(client.response.headers['verbatim-generation-id']);
    expect(await chat.ended(id, generation)).toMatchObject({ status: 'final', text: 'answer to 1 in all' });
  });
});
