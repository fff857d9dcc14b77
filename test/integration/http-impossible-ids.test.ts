import { afterAll, beforeAll, it } from '@jest/globals';
import { type Chat, startChat } from '../support/chat.js';
import { expectProblem } from '../support/expect-problem.js';
import { until } from '../support/until.js';

let chat: Chat;
let id: string;
beforeAll(async () => {
  chat = await startChat();
  // A database refuses a statement with a NUL in one of its texts.
  const refusesNul = (asked: unknown) => {
    if (JSON.stringify(asked).includes('\\u0000')) throw new Error('invalid byte sequence for encoding "UTF8": 0x00');
  };
  const { views, builds } = chat.engines;
  const tree = views.messages.tree.bind(views.messages);
  views.messages.tree = async (asked) => {
    refusesNul(asked);
    return tree(asked);
  };
  const replay = builds.replay.bind(builds);
  builds.replay = async (...asked) => {
    refusesNul(asked);
    return replay(...asked);
  };
  id = await chat.started();
  await chat.done(id, { content: 'Hi' });
  await until(async () => (await chat.call('GET', `/api/v1/conversations/${id}`)).status === 200);
});
afterAll(() => chat.close());

it.each([
  ['branch=%00', 422, 'leaf_not_found'],
  ['branch=', 422, 'leaf_not_found'],
  [`branch=${'x'.repeat(5_000)}`, 422, 'leaf_not_found'],
  ['before=%00', 422, 'node_not_found'],
  ['before=a%00b', 422, 'node_not_found'],
] as const)('the node %s, which no conversation can have, is not found', async (query, status, code) => {
  expectProblem(await chat.call('GET', `/api/v1/conversations/${id}?${query}`), status, code);
});

it('a stream with an impossible name is not parked', async () => {
  for (const stream of ['%00', 'x', 'conversation-%00', `conversation-${'x'.repeat(300)}`]) {
    const answer = await chat.call('POST', `/api/v1/projections/usage/parked/${stream}/replay`);
    expectProblem(answer, 404, 'not_found');
  }
});
