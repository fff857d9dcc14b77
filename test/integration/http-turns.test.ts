import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Chat, startChat, type Turn, typesOf } from '../support/chat.js';
import { expectProblem, pathsIn } from '../support/expect-problem.js';
import { until } from '../support/until.js';

const UUID = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
const SHA256 = expect.stringMatching(/^[0-9a-f]{64}$/);

interface Shown {
  promptSha256: string;
  body: string;
  request: { model: string; messages: { role: string; content: string }[] };
  segments: { role: string; text: string; from: string; tokens: number }[];
  tokens: Record<string, unknown>;
  trimmed: unknown[];
}

let chat: Chat;
let id: string;
beforeEach(async () => {
  chat = await startChat();
  id = await chat.started();
});
afterEach(() => chat.close());

const post = (path: string, body?: object) => chat.post(`${id}/${path}`, body);
const turnOf = async (path: string, body?: object) => {
  const answer = await post(path, body);
  expect([answer.status, answer.text]).toEqual([202, expect.any(String)]);
  return answer.json as Turn;
};
const preview = async (body: object) => {
  const answer = await post('preview', body);
  expect(answer.status).toBe(200);
  return answer.json as Shown;
};
const events = async (type: string): Promise<Record<string, unknown>[]> =>
  (await chat.ledger(id)).flatMap((each) => (each.type === type ? [each.data] : []));
const promptsSent = () => chat.model.calls.map(({ body }) => JSON.parse(body).messages.length);

describe('a message over HTTP', () => {
  it('is accepted, and the answer has the new ids and a cursor', async () => {
    const { status, json, headers } = await post('messages', { content: 'Hi' });
    expect(status).toBe(202);
    expect(headers['content-type']).toMatch(/^application\/json/);
    expect(json).toEqual({
      messageId: UUID,
      generationId: UUID,
      promptSha256: SHA256,
      status: 'queued',
      cursor: '4:0',
    });
    const { messageId, generationId } = json as Turn;
    expect(await events('MessageSent')).toEqual([
      {
        messageId,
        parent: null,
        role: 'user',
        kind: 'message',
        origin: 'person',
        parts: [{ type: 'text', text: 'Hi' }],
      },
    ]);
    expect(await events('GenerationRequested')).toEqual([{ generationId, messageId, options: {} }]);
    expect(await chat.ended(id, generationId)).toMatchObject({ status: 'final', text: 'answer to 1 in all' });
  });

  it('follows the selected leaf, the named parent, or none', async () => {
    const first = await chat.done(id, { content: 'one' });
    const second = await chat.done(id, { content: 'two' });
    await chat.done(id, { content: 'three', parent: first.generationId });
    await chat.done(id, { content: 'four', parent: null });
    const parents = (await events('MessageSent')).map(({ parent }) => parent);
    expect(parents).toEqual([null, first.generationId, first.generationId, null]);
    expect(promptsSent()).toEqual([1, 3, 3, 1]);
    expect(second.cursor).toBe('8:0');
  });

  it('chooses its own provider, model and settings', async () => {
    const choices = { model: 'demo-9', params: { temperature: 1, stop: 'end' }, provider: 'demo' };
    await turnOf('messages', { content: 'Hi', ...choices, whenBusy: 'enqueue' });
    expect((await events('GenerationRequested'))[0]).toMatchObject({ options: { ...choices, whenBusy: 'enqueue' } });
    await until(() => chat.model.calls.length > 0);
    expect(JSON.parse(chat.model.calls[0]?.body ?? '')).toMatchObject({ model: 'demo-9', temperature: 1, stop: 'end' });
  });

  it.each([['é'.repeat(128 * 1024)], ['\u0001'.repeat(153_599)]])('may be long', async (content) => {
    const body = { content, params: { stop: Array(4).fill('\u0001'.repeat(256)), max_tokens: 1 } };
    await chat.call('PATCH', `/api/v1/conversations/${id}`, { body: { tokenBudget: 1_000_000 } });
    await chat.done(id, body);
    expect(await events('MessageSent')).toMatchObject([{ parts: [{ text: content }] }]);
  });

  it('starts no generation for a note, or with `generate: false`', async () => {
    for (const body of [
      { content: 'aside', kind: 'note' },
      { content: 'aside', kind: 'note', generate: true },
      { content: 'later', generate: false },
      { content: 'later', generate: false, expectPrompt: 'a'.repeat(64) },
    ]) {
      const before = (await chat.ledger(id)).length;
      const { status, json } = await post('messages', body);
      expect([status, json]).toEqual([202, { messageId: UUID, cursor: `${before + 1}:0` }]);
    }
    expect(typesOf(await chat.ledger(id)).slice(1)).toEqual(Array(4).fill('MessageSent'));
  });

  it('gets its first answer later, once', async () => {
    const { messageId } = await chat.sent(id, { content: 'Hi', generate: false });
    expect(await turnOf(`messages/${messageId}/generate`)).toEqual({
      generationId: UUID,
      promptSha256: SHA256,
      status: 'queued',
      cursor: '4:0',
    });
    const before = await chat.eventCount();
    const again = await post(`messages/${messageId}/generate`, { whenBusy: 'enqueue' });
    expectProblem(again, 422, 'already_replied');
    expect(await chat.eventCount()).toBeGreaterThanOrEqual(before);
    expect(await events('GenerationRequested')).toHaveLength(1);
  });

  it('is edited by another one in its place', async () => {
    const first = await chat.done(id, { content: 'one' });
    const second = await chat.done(id, { content: 'two' });
    const edited = await turnOf(`messages/${second.messageId}/edit`, { content: 'two!' });
    expect(edited).toMatchObject({ generationId: UUID, promptSha256: SHA256 });
    expect((await events('MessageSent')).at(-1)).toMatchObject({
      messageId: edited.messageId,
      revises: second.messageId,
      parent: first.generationId,
    });
    await chat.ended(id, edited.generationId);
    const silent = await turnOf(`messages/${first.messageId}/edit`, { content: 'one!', generate: false });
    expect(silent).toEqual({ messageId: UUID, cursor: expect.any(String) });
    const revised = await turnOf('messages', { content: 'one?', revises: first.messageId, generate: false });
    expect((await events('MessageSent')).slice(-2)).toMatchObject([
      { messageId: silent.messageId, revises: first.messageId, parent: null },
      { messageId: revised.messageId, revises: first.messageId, parent: null },
    ]);
    expect(promptsSent()).toEqual([1, 3, 3]);
  });

  it('is a note again when a note is edited', async () => {
    const note = await chat.sent(id, { content: 'aside', kind: 'note' });
    expect(await turnOf(`messages/${note.messageId}/edit`, { content: 'aside!' })).toEqual({
      messageId: UUID,
      cursor: '3:0',
    });
  });
});

describe('another try over HTTP', () => {
  it('answers the same message with the settings as they are now', async () => {
    const { messageId, generationId } = await chat.done(id, { content: 'Hi' });
    await chat.call('PATCH', `/api/v1/conversations/${id}`, { body: { model: 'demo-2' } });
    const again = await turnOf(`generations/${generationId}/regenerate`);
    expect(again).toEqual({ generationId: UUID, promptSha256: SHA256, status: 'queued', cursor: '8:0' });
    await chat.ended(id, again.generationId);
    const third = await turnOf(`generations/${again.generationId}/regenerate`, { model: 'demo-3' });
    expect((await events('GenerationRequested')).slice(1)).toEqual([
      { generationId: again.generationId, messageId, regenerates: generationId, options: {} },
      { generationId: third.generationId, messageId, regenerates: again.generationId, options: { model: 'demo-3' } },
    ]);
    await chat.ended(id, third.generationId);
    expect(chat.model.calls.map(({ body }) => JSON.parse(body).model)).toEqual(['demo', 'demo-2', 'demo-3']);
  });
});

describe('a preview over HTTP', () => {
  it('shows exactly the prompt that the turn sends, and records nothing', async () => {
    await chat.call('PATCH', `/api/v1/conversations/${id}`, { body: { system: 'Be brief.', params: { seed: 7 } } });
    const first = await chat.done(id, { content: 'one' });
    const before = await chat.eventCount();
    const draft = { content: 'two "quoted" é', model: 'demo-2' };
    const shown = await preview(draft);
    expect(await chat.eventCount()).toBe(before);

    expect(createHash('sha256').update(shown.body, 'utf8').digest('hex')).toBe(shown.promptSha256);
    expect(shown.request).toEqual(JSON.parse(shown.body));
    expect(Object.keys(shown.request)).toEqual(['model', 'messages', 'seed', 'stream', 'stream_options']);
    expect(shown.segments.map(({ role, from, text }) => [role, from, text])).toEqual([
      ['system', 'system', 'Be brief.'],
      ['user', 'history', 'one'],
      ['assistant', 'history', 'answer to 2 in all'],
      ['user', 'you', draft.content],
    ]);
    expect(shown).toMatchObject({ trimmed: [], estimatedCost: null });
    expect(shown.tokens).toEqual({
      prompt: expect.any(Number),
      budget: expect.any(Number),
      reserved: expect.any(Number),
      limit: 8_192,
      estimated: true,
    });

    const { promptSha256, generationId } = await turnOf('messages', { ...draft, expectPrompt: shown.promptSha256 });
    expect(promptSha256).toBe(shown.promptSha256);
    await chat.ended(id, generationId);
    expect(chat.model.calls.at(-1)?.body).toBe(shown.body);

    const retry = await preview({ regenerate: first.generationId });
    expect(retry.request.messages).toHaveLength(2);
    const again = await turnOf(`generations/${first.generationId}/regenerate`, { expectPrompt: retry.promptSha256 });
    expect(again.promptSha256).toBe(retry.promptSha256);
  });

  it('shows what a message would be in another place, and as another version', async () => {
    const first = await chat.done(id, { content: 'one' });
    const second = await chat.done(id, { content: 'two' });
    const lengths = [{}, { parent: null }, { parent: first.generationId }, { revises: second.messageId }].map(
      async (place) => (await preview({ content: 'x', ...place })).request.messages.length,
    );
    expect(await Promise.all(lengths)).toEqual([5, 1, 3, 3]);
  });

  it.each([
    ['a message', () => 'messages', { content: 'x' }, () => ({ content: 'x' })],
    [
      'an edit',
      ({ messageId }: Turn) => `messages/${messageId}/edit`,
      { content: 'x' },
      ({ messageId }: Turn) => ({ content: 'x', revises: messageId }),
    ],
    [
      'another try',
      ({ generationId }: Turn) => `generations/${generationId}/regenerate`,
      {},
      ({ generationId }: Turn) => ({ regenerate: generationId }),
    ],
  ])('is in the refusal of %s whose prompt is not the expected one', async (_, pathOf, body, draftOf) => {
    const turn = await chat.done(id, { content: 'one' });
    const before = await chat.eventCount();
    const refused = await post(pathOf(turn), { ...body, expectPrompt: 'a'.repeat(64) });
    expectProblem(refused, 409, 'prompt_changed', { preview: expect.any(Object) });
    expect(await chat.eventCount()).toBe(before);
    const shown = (refused.json as { preview: Shown }).preview;
    const { segments, ...rest } = await preview(draftOf(turn));
    expect(shown).toMatchObject(rest);
    expect(shown.segments).toHaveLength(segments.length);
    expect(await turnOf(pathOf(turn), { ...body, expectPrompt: shown.promptSha256 })).toMatchObject({
      promptSha256: shown.promptSha256,
    });
  });

  it('is in the refusal of a first answer whose prompt is not the expected one', async () => {
    const { messageId } = await chat.sent(id, { content: 'one', generate: false });
    const refused = await post(`messages/${messageId}/generate`, { expectPrompt: 'a'.repeat(64) });
    expectProblem(refused, 409, 'prompt_changed', { preview: expect.any(Object) });
    const { promptSha256 } = (refused.json as { preview: Shown }).preview;
    expect(await turnOf(`messages/${messageId}/generate`, { expectPrompt: promptSha256 })).toMatchObject({
      promptSha256,
    });
  });

  it('takes no other fields beside `regenerate`', async () => {
    const { generationId, messageId } = await chat.done(id, { content: 'one' });
    for (const body of [{ content: 'x' }, { content: '' }, { parent: null }, { revises: messageId }]) {
      const refused = await post('preview', { regenerate: generationId, ...body });
      expectProblem(refused, 400, 'invalid_request');
      expect(pathsIn(refused)).toEqual(Object.keys(body));
    }
    expectProblem(await post('preview'), 422, 'content_empty');
  });
});
