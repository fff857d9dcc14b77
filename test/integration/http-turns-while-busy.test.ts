import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Chat, HOLD, startChat, type Turn, typesOf } from '../support/chat.js';
import { expectProblem } from '../support/expect-problem.js';

let chat: Chat;
let id: string;
beforeEach(async () => {
  chat = await startChat();
  id = await chat.started();
});
afterEach(() => chat.close());

const post = (path: string, body?: object) => chat.post(`${id}/${path}`, body);
const cancel = (generation: string) => post(`generations/${generation}/cancel`);
/** An answer whose first word is committed, and that goes on when the test says so. */
const open = async () => {
  const turn = await chat.sent(id, { content: HOLD });
  await chat.firstWord(turn.generationId);
  return turn;
};
const text = async ({ generationId }: Turn) => (await chat.ended(id, generationId)).text;

describe('a turn while another one is open', () => {
  it('is refused by default, with Retry-After', async () => {
    const { generationId, messageId } = await open();
    const before = await chat.eventCount();
    for (const [path, body] of [
      ['messages', { content: 'Hi' }],
      [`messages/${messageId}/edit`, { content: 'Hi' }],
      [`generations/${generationId}/regenerate`, {}],
      ['messages', { content: 'Hi', whenBusy: 'reject' }],
    ] as const) {
      const answer = await post(path, body);
      expectProblem(answer, 409, 'conversation_busy', { generationId });
      expect(answer.headers['retry-after']).toBe('1');
    }
    expect(await chat.eventCount()).toBe(before);
  });

  it('may wait in the queue, without a prompt until then', async () => {
    const first = await open();
    const waits = { promptSha256: null, status: 'queued' };
    const second = await chat.sent(id, { content: 'two', whenBusy: 'enqueue' });
    expect(second).toMatchObject(waits);
    await chat.call('PATCH', `/api/v1/conversations/${id}`, { body: { whenBusy: 'enqueue' } });
    const third = await chat.sent(id, { content: 'three' });
    expect(third).toMatchObject(waits);
    chat.release();
    expect(await Promise.all([first, second, third].map(text))).toEqual([
      'answer to 1 in all',
      'answer to 3 in all',
      'answer to 5 in all',
    ]);
  });

  it('cannot be promised a prompt', async () => {
    const { messageId } = await open();
    const before = await chat.eventCount();
    const expectPrompt = 'a'.repeat(64);
    for (const whenBusy of ['enqueue', 'interrupt']) {
      expectProblem(await post('messages', { content: 'Hi', expectPrompt, whenBusy }), 422, 'prompt_not_known_yet');
    }
    expectProblem(await post('preview', { content: 'Hi' }), 422, 'prompt_not_known_yet');
    expect((await post('preview', { content: 'Hi', parent: messageId })).status).toBe(200);
    expect(await chat.eventCount()).toBe(before);
  });

  it('may interrupt it, and then what it said stays', async () => {
    const first = await open();
    const waiting = await chat.sent(id, { content: 'later', whenBusy: 'enqueue' });
    const second = await chat.sent(id, { content: 'now', whenBusy: 'interrupt' });
    expect(await chat.ended(id, first.generationId)).toMatchObject({ status: 'cancelled', text: 'answer to 1' });
    expect(await text(second)).toBe('answer to 3 in all');
    expect(await text(waiting)).toBe('answer to 3 in all');
    const ends = (await chat.ledger(id)).flatMap(({ type, data }) =>
      type === 'GenerationFinalized' ? [data.generationId] : [],
    );
    expect(ends).toEqual([first, second, waiting].map(({ generationId }) => generationId));
  });

  it('does not prevent notes, renames and branches', async () => {
    const { messageId } = await open();
    expect((await post('messages', { content: 'aside', kind: 'note' })).status).toBe(202);
    expect((await post('messages', { content: 'later', generate: false })).status).toBe(202);
    const url = `/api/v1/conversations/${id}`;
    expect((await chat.call('PATCH', url, { body: { title: 'Taxes' } })).status).toBe(200);
    expect((await chat.call('PUT', `${url}/branch`, { body: { leaf: messageId } })).status).toBe(200);
  });

  it('is refused when too many wait', async () => {
    await open();
    for (let nth = 0; nth < 100; nth++) await chat.sent(id, { content: 'x', whenBusy: 'enqueue' });
    const answer = await post('messages', { content: 'x', whenBusy: 'enqueue' });
    expectProblem(answer, 429, 'queue_full', { turnsMax: 100 });
    expect(answer.headers['retry-after']).toBe('1');
  });
});

describe('a cancel', () => {
  it('keeps the text, and a repeated cancel returns the status of the end', async () => {
    const { generationId } = await open();
    const { status, json } = await cancel(generationId);
    expect([status, json]).toEqual([202, { cursor: '5:0' }]);
    expect(await chat.ended(id, generationId)).toMatchObject({ status: 'cancelled', text: 'answer to 1' });
    const before = await chat.eventCount();
    expect(await cancel(generationId)).toMatchObject({ status: 200, json: { status: 'cancelled' } });
    expect(await chat.eventCount()).toBe(before);
  });

  it('comes too late for what is final', async () => {
    const { generationId } = await chat.done(id, { content: 'Hi' });
    expect(await cancel(generationId)).toMatchObject({ status: 200, json: { status: 'final' } });
  });

  it('ends what waits before it is asked, and leaves the rest of the queue', async () => {
    const first = await open();
    const second = await chat.sent(id, { content: 'two', whenBusy: 'enqueue' });
    const third = await chat.sent(id, { content: 'three', whenBusy: 'enqueue' });
    expect(await cancel(second.generationId)).toMatchObject({ status: 202, json: { cursor: '9:0' } });
    expect(await chat.ended(id, second.generationId)).toMatchObject({ status: 'cancelled', text: '', attempt: null });
    chat.release();
    expect(await text(first)).toBe('answer to 1 in all');
    await chat.ended(id, third.generationId);
    expect(chat.model.calls).toHaveLength(2);
    expect(typesOf(await chat.ledger(id)).filter((type) => type === 'GenerationCancelRequested')).toEqual([]);
  });
});
