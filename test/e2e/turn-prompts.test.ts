import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Turn } from '../support/chat.js';
import { answer } from '../support/fake-provider.js';
import type { LiveChat } from '../support/live-chat.js';
import { LiveProduct } from '../support/live-product.js';
import { MODEL } from '../support/played-provider.js';

let live: LiveProduct;
beforeAll(async () => {
  live = await LiveProduct.start();
});
afterAll(() => live.stop());

/** Everything that a serializer could write in another way, or a transport could change. */
const ODD =
  'quotes " \' \\ \\u0041 \\" {{x}} </script> é e\u0301 \u0001\u0008\u001b\u001f\u007f\u0085\t\r\n\u2028\u2029\ufeff 👩‍👩‍👧 𝒳 \u202eevil';

const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');
const digest = (bytes: Buffer) => `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;

interface Expected {
  readonly model?: string;
  readonly system?: string;
  readonly messages: readonly string[];
  readonly params?: object;
}

/** As the contract says that it is written: users and assistants take turns, and params are sorted by their names. */
function bodyOf({ model = MODEL, system, messages, params = {} }: Expected): string {
  const said = messages.map((content, nth) => ({ role: nth % 2 === 0 ? 'user' : 'assistant', content }));
  const all = system === undefined ? said : [{ role: 'system', content: system }, ...said];
  const sorted = Object.fromEntries(Object.entries(params).sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify({ model, messages: all, ...sorted, stream: true, stream_options: { include_usage: true } });
}

/** Previews a turn, takes it with the hash that was shown, and compares what all who know of the prompt say it is. */
async function isTheSame(
  chat: LiveChat,
  draft: object,
  route: string,
  body: object,
  expected: Expected,
): Promise<Turn> {
  const { body: shown, request, promptSha256 } = await chat.by.ask('POST', chat.path('preview'), draft);
  expect(shown).toBe(bodyOf(expected));
  expect(promptSha256).toBe(sha256(shown));
  expect(request).toEqual(JSON.parse(shown));

  const before = live.provider.received().length;
  const turn = await chat.turn(route, { ...body, expectPrompt: promptSha256 });
  expect(turn.promptSha256).toBe(promptSha256);
  expect((await chat.ended(turn)).status).toBe('final');
  const received = live.provider.received().slice(before);
  expect(received.map((call) => call.body)).toEqual([shown]);
  await isProven(chat, turn);
  return turn;
}

async function isProven(chat: LiveChat, { generationId, promptSha256 }: Turn): Promise<void> {
  const { status, bytes, headers } = await chat.by.call('GET', `/runs/${generationId}/request`);
  expect([status, headers.get('content-type')]).toEqual([200, 'application/json']);
  expect(headers.get('repr-digest')).toBe(digest(bytes));
  expect(sha256(bytes)).toBe(promptSha256);
  expect((await chat.run({ generationId })).promptSha256).toBe(promptSha256);
  expect(live.provider.received().map((call) => sha256(call.body))).toContain(promptSha256);
}

describe('a prompt', () => {
  it('is the same to the byte in its preview, in the promise, at the provider and ever after', async () => {
    const params = { top_p: 0.5, temperature: 1e-7, seed: 12345678901, stop: ['"', '\u2028', ODD.slice(0, 20)] };
    const chat = await live.chat({ title: ODD, system: ODD, params });
    const system = ODD;
    live.provider.play('odd', answer(['so ', ODD]));
    const one = `odd one ${ODD}`;
    const oddly = `so ${ODD}`;
    const turns: Turn[] = [];
    const same = async (draft: object, route: string, body: object, expected: Expected) => {
      const turn = await isTheSame(chat, draft, route, body, expected);
      turns.push(turn);
      return turn;
    };

    const first = await same({ content: one }, 'messages', { content: one }, { system, messages: [one], params });
    const own = { model: 'another"\\model🙂', params: { max_tokens: 5, frequency_penalty: -1 } };
    const two = { content: 'odd two\r\n', ...own };
    const second = await same(two, 'messages', two, { ...own, system, messages: [one, oddly, two.content] });

    const edited = `odd edit ${ODD}`;
    const edit = { content: edited };
    const revision = { ...edit, revises: first.messageId };
    const third = await same(revision, `messages/${first.messageId}/edit`, edit, {
      system,
      messages: [edited],
      params,
    });

    await chat.change({ system: `other ${ODD}`, params: null });
    const now = { system: `other ${ODD}` };
    const again = await same(
      { regenerate: second.generationId },
      `generations/${second.generationId}/regenerate`,
      {},
      { ...now, messages: [one, oddly, two.content] },
    );
    await same({ regenerate: again.generationId, ...own }, `generations/${again.generationId}/regenerate`, own, {
      ...own,
      ...now,
      messages: [one, oddly, two.content],
    });
    await chat.change({ system: null });
    const three = { content: 'odd three', parent: third.generationId };
    await same(three, 'messages', three, { messages: [edited, oddly, three.content] });
    for (const turn of turns) await isProven(chat, turn);
  });
});

describe('three regenerations', () => {
  it('leave every answer where it is, and descend from one another', async () => {
    const chat = await live.chat();
    live.provider.play('lineage', ...['first', 'second', 'third', 'fourth', 'fifth'].map((text) => answer([text])));
    const first = await chat.say('lineage of what?');
    const { messageId } = first;
    const again = async (of: string) => {
      const turn = await chat.turn(`generations/${of}/regenerate`);
      await chat.ended(turn);
      return turn.generationId;
    };
    const g1 = first.generationId;
    const g2 = await again(g1);
    const g3 = await again(g2);
    const g4 = await again(g3);
    const g5 = await again(g1);

    const { tree, path } = await chat.view();
    expect(tree.map(({ id, parent, text, status, regenerates }) => [id, parent, text, status, regenerates])).toEqual([
      [messageId, null, 'lineage of what?', 'final', undefined],
      [g1, messageId, 'first', 'final', undefined],
      [g2, messageId, 'second', 'final', g1],
      [g3, messageId, 'third', 'final', g2],
      [g4, messageId, 'fourth', 'final', g3],
      [g5, messageId, 'fifth', 'final', g1],
    ]);
    expect(path).toEqual([messageId, g5]);
    const lineages = [[g1], [g1, g2], [g1, g2, g3], [g1, g2, g3, g4], [g1, g5]];
    for (const lineage of lineages) {
      const run = await chat.run({ generationId: lineage.at(-1) ?? '' });
      expect([run.lineage, run.regenerates, run.message]).toEqual([lineage, lineage.at(-2) ?? null, messageId]);
      expect((await chat.view(`?branch=${run.id}`)).path).toEqual([messageId, run.id]);
    }

    const { cursor } = await chat.select(g2);
    expect((await chat.view(`?min=${cursor}`)).path).toEqual([messageId, g2]);
    await chat.say('and what follows?');
    expect(live.provider.messages('and what follows?')).toEqual([
      'user: lineage of what?',
      'assistant: second',
      'user: and what follows?',
    ]);
    expect((await chat.view(`?at=${cursor}`)).tree).toEqual(tree);
  });
});

describe('an edit', () => {
  it('begins another branch, and each goes on with nothing of the other', async () => {
    const chat = await live.chat();
    const a1 = await chat.say('a1');
    const a2 = await chat.say('a2');
    const a3 = await chat.say('a3');
    const old = [a1, a2, a3].flatMap(({ messageId, generationId }) => [messageId, generationId]);
    const before = await chat.view();
    const edit = async ({ messageId }: Turn, content: string) => {
      const turn = await chat.turn(`messages/${messageId}/edit`, { content });
      await chat.ended(turn);
      return turn;
    };

    const b1 = await edit(a1, 'b1');
    expect(await chat.node(b1.messageId)).toMatchObject({ parent: null, revises: a1.messageId, text: 'b1' });
    const b2 = await chat.say('b2');
    const young = [b1, b2].flatMap(({ messageId, generationId }) => [messageId, generationId]);
    expect((await chat.view()).path).toEqual(young);
    expect((await chat.view(`?branch=${a3.generationId}`)).path).toEqual(old);

    await chat.select(a3.generationId);
    expect((await chat.view()).path).toEqual(old);
    await chat.say('a4');
    const c2 = await edit(a2, 'c2');
    await chat.say('c3');
    await edit(c2, 'd2');
    await chat.select(b1.messageId);
    await chat.say('e1');

    const prompts = ['a3', 'b1', 'b2', 'a4', 'c2', 'c3', 'd2', 'e1'].map((mark) => live.provider.messages(mark));
    expect(prompts.map((messages) => messages.map((text) => text.split(': ')[1]).join(' | '))).toEqual([
      'a1 | answer to 1 | a2 | answer to 3 | a3',
      'b1',
      'b1 | answer to 1 | b2',
      'a1 | answer to 1 | a2 | answer to 3 | a3 | answer to 5 | a4',
      'a1 | answer to 1 | c2',
      'a1 | answer to 1 | c2 | answer to 3 | c3',
      'a1 | answer to 1 | d2',
      'b1 | e1',
    ]);
    const { tree } = await chat.view();
    expect(tree.slice(0, before.tree.length)).toEqual(before.tree);
    expect((await chat.view(`?at=${before.cursor}`)).path).toEqual(old);
  });
});

it('has kept every promise', async () => {
  expect(await live.breaches()).toEqual([]);
});
