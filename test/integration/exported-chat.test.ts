import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { exportedBag } from '../../src/exports/bag-export.js';
import { ModelFailure } from '../../src/ports/language-model.js';
import { bytesOf, CUSTODY, mistakesIn, verified } from '../support/bags.js';
import { type Chat, startChat } from '../support/chat.js';
import { content, finished, type Play, reasoning } from '../support/scripted-model.js';
import { until } from '../support/until.js';

/** Thinks and answers, fails after half of an answer, or says nothing, as the last message asks. */
const play: Play = async function* ({ body }) {
  const { messages } = JSON.parse(body) as { messages: { content: string }[] };
  const last = messages.at(-1)?.content ?? '';
  if (last.includes('nothing')) return yield finished();
  yield reasoning('hm');
  yield content('é "half" 🙂\n');
  if (last.includes('fail')) throw new ModelFailure('provider_error', 'not today', { retryable: false });
  yield content(` of ${messages.length}`);
  yield finished({ prompt_tokens: 3 });
};

let chat: Chat;
beforeEach(async () => {
  chat = await startChat({}, play);
});
afterEach(() => chat.close());

it('a bag of what the product wrote is intact, and each of its prompts has its bytes again', async () => {
  const id = await chat.started({ title: 'All sorts', system: 'Be "brief"\n' });
  const first = await chat.done(id, { content: 'one \u2028 "quoted" \\ line' });
  await chat.done(id, { content: 'please fail' });
  await chat.done(id, { content: 'say nothing' });
  await chat.post(`${id}/messages`, { content: 'a note', kind: 'note' });
  await chat.call('PATCH', `/api/v1/conversations/${id}`, {
    body: { system: 'Be long', params: { temperature: 0.5 } },
  });
  await chat.done(id, { content: 'two' });
  const edited = await chat.post(`${id}/messages/${first.messageId}/edit`, { content: 'one, edited' });
  const { generationId } = edited.json as { generationId: string };
  await chat.ended(id, generationId);
  const again = await chat.post(`${id}/generations/${generationId}/regenerate`, {});
  const last = (again.json as { generationId: string }).generationId;
  await chat.ended(id, last);
  await until(async () => (await chat.call('GET', `/api/v1/runs/${last}/proof`)).status === 200);

  const { log, record } = chat.engines;
  const parts = { log, record, keys: { find: () => new Map() } };
  for (const scope of [{ conversations: [id] }, { tenant: true } as const]) {
    const request = { tenant: 'default', scope, reveal: true, custody: CUSTODY };
    const verdict = await verified(await bytesOf(await exportedBag(parts, request)));
    expect(mistakesIn(verdict)).toEqual([]);
    expect(verdict.facts?.texts).toMatchObject({ answers: 6, prompts: 6, hiddenPrompts: 0 });
  }
});
