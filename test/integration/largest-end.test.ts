import { afterEach, expect, it } from '@jest/globals';
import { answerText } from '../../src/domain/texts.js';
import { usageOf } from '../../src/formats/openai-chat-1.js';
import type { ModelOutput } from '../../src/ports/language-model.js';
import { type Chat, CONVERSATIONS, startChat, type Turn } from '../support/chat.js';
import { gate } from '../support/gate.js';
import { content, reasoning } from '../support/scripted-model.js';
import { until } from '../support/until.js';

let chat: Chat | undefined;
let letGo = (): void => {};
afterEach(() => {
  letGo();
  return chat?.close();
});

const QUEUED = 100;
/** Names as long as they may be, in characters that take most bytes. */
const USER = '𝒜'.repeat(100);
/** As JSON each of them takes six bytes. */
const ANSWER = '\u0001'.repeat(152_000);

const deep: unknown = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
const usageRaw = {
  prompt_tokens: 7,
  text: '\u0001'.repeat(1_000_000),
  deep,
  ...Object.fromEntries(Array.from({ length: 10_000 }, (_, nth) => [`count_${nth}`, nth])),
};

/** All that an answer may be, and a provider that says as much of itself as it can. */
function largest(released: Promise<void>) {
  return async function* (): AsyncGenerator<ModelOutput> {
    yield content('\u0001');
    await released;
    for (let nth = 0; nth < 2_000; nth++) yield nth % 2 === 0 ? reasoning('\u0001') : content('\u0001');
    yield content(ANSWER);
    const name = '\u0001'.repeat(1_000_000);
    yield { type: 'finished', finishReason: name, modelServed: name, usage: usageOf(usageRaw), usageRaw };
  };
}

it('the largest end of a generation is recorded with 100 queued turns that cannot be assembled', async () => {
  const released = gate();
  letGo = released.open;
  chat = await startChat({}, largest(released.opened));
  const { call } = chat;
  const issued = await call('POST', '/api/v1/keys', { body: { user: USER, role: 'member', name: 'k' } });
  const { key } = issued.json as { key: string };
  const id = await chat.started({}, { key });
  const post = async (body: object) => {
    const answer = await call('POST', `${CONVERSATIONS}/${id}/messages`, { key, body });
    expect([answer.status, answer.text]).toEqual([202, expect.any(String)]);
    return answer.json as Turn;
  };
  const open = await post({ content: 'Go' });
  await chat.firstWord(open.generationId);
  const queued: Turn[] = [];
  for (let nth = 0; nth < QUEUED; nth++) {
    queued.push(await post({ content: `${nth}`, whenBusy: 'enqueue' }));
  }
  const budget = async (tokenBudget: number | null) =>
    expect(await call('PATCH', `${CONVERSATIONS}/${id}`, { key, body: { tokenBudget } })).toMatchObject({
      status: 200,
    });
  await budget(1);
  released.open();

  const ends = async () =>
    (await chat?.ledger(id))?.flatMap(({ type, data }) => (type === 'GenerationFinalized' ? [data] : []));
  await until(async () => (await ends())?.length === QUEUED + 1, 30_000);
  const all = (await ends()) ?? [];
  const answered = all.find(({ generationId }) => generationId === open.generationId);
  expect(answered).toMatchObject({ status: 'final', usage: { input: 7 } });
  expect(answerText(answered?.blocks ?? [])).toHaveLength(1 + 1_000 + ANSWER.length);
  for (const { generationId } of queued) {
    const end = all.find((each) => each.generationId === generationId);
    expect(end).toMatchObject({ status: 'error', error: { kind: 'prompt_over_budget' } });
  }
  const shown = await call('GET', `${CONVERSATIONS}/${id}`, { key });
  expect(shown.json).toMatchObject({ status: 'idle' });
  await budget(null);
  expect(await post({ content: 'And now?' })).toMatchObject({ status: 'queued' });
});
