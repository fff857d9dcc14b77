import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Turn } from '../support/chat.js';
import { delta, plainly, sendHead, stall } from '../support/fake-provider.js';
import type { LiveChat } from '../support/live-chat.js';
import { LiveProduct } from '../support/live-product.js';
import { held, type PlayedProvider } from '../support/played-provider.js';
import { until } from '../support/until.js';

let live: LiveProduct;
let provider: PlayedProvider;
beforeAll(async () => {
  live = await LiveProduct.start();
  ({ provider } = live);
});
afterAll(() => live.stop());

const cancelled = async (chat: LiveChat, turn: Turn) => {
  const { status, json } = await chat.cancel(turn);
  expect([status, json]).toEqual([202, { cursor: expect.stringMatching(/^\d+:0$/) }]);
  return chat.ended(turn);
};
const called = (mark: string) => until(() => provider.calls(mark).length === 1);
const isHungUp = (mark: string) => until(() => provider.calls(mark)[0]?.abortedAt !== undefined);
const busy = { whenBusy: 'enqueue' };

describe('a cancel', () => {
  it('of a queued turn calls no model, and the turns behind it are answered', async () => {
    const chat = await live.chat();
    const { script, letGo } = held('one', ' and all');
    provider.play('queue first', script);
    const first = await chat.send('queue first');
    await chat.saying(first, 'one');
    const second = await chat.send('queue second', busy);
    const behind = await chat.send('queue behind', busy);
    expect(await cancelled(chat, second)).toMatchObject({ status: 'cancelled', text: '' });
    const instead = await chat.send('queue instead', { ...busy, parent: first.generationId });
    expect(await chat.node(first.generationId)).toMatchObject({ status: 'streaming', text: 'one' });
    letGo();
    for (const turn of [first, behind, instead]) expect((await chat.ended(turn)).status).toBe('final');
    expect(provider.calls('queue second')).toEqual([]);
    const path = ['user: queue first', 'assistant: one and all'];
    expect(provider.messages('queue behind')).toEqual([...path, 'user: queue second', 'user: queue behind']);
    expect(provider.messages('queue instead')).toEqual([...path, 'user: queue instead']);
    expect((await chat.by.call('GET', `/runs/${second.generationId}/request`)).status).toBe(404);
    expect(await chat.run(second)).toMatchObject({ status: 'cancelled', promptSha256: null, attempt: null });
  });

  it.each([
    ['its head', 'silent', [stall]],
    ['its first word', 'headed', [sendHead, stall]],
  ])('before the provider has sent %s ends the call, and leaves no reply behind', async (_, mark, script) => {
    const chat = await live.chat();
    provider.play(mark, script);
    const turn = await chat.send(`${mark} at first`);
    await called(mark);
    expect(await cancelled(chat, turn)).toMatchObject({ status: 'cancelled', text: '' });
    await isHungUp(mark);
    await chat.say(`then not ${mark.slice(1)}`);
    expect(provider.messages('then not')).toEqual([`user: ${mark} at first`, `user: then not ${mark.slice(1)}`]);
  });

  it('in the middle keeps the text, which is in later prompts', async () => {
    const chat = await live.chat();
    const feed = await chat.watch('0:0');
    provider.play('middle', [delta('Half '), delta('of “it” 🙂'), stall]);
    const turn = await chat.send('stop in the middle');
    await chat.saying(turn, 'Half of “it” 🙂');
    const { usage, ...node } = await cancelled(chat, turn);
    expect([node, usage]).toMatchObject([{ status: 'cancelled', text: 'Half of “it” 🙂' }, null]);
    await isHungUp('middle');
    await chat.say('so go on');
    expect(provider.messages('so go on')).toEqual([
      'user: stop in the middle',
      'assistant: Half of “it” 🙂',
      'user: so go on',
    ]);
    const ends = feed.events.filter(({ event }) => event === 'generation-finalized').map(({ data }) => data);
    expect(ends[0]).toMatchObject({ generationId: turn.generationId, status: 'cancelled', text: 'Half of “it” 🙂' });
    expect(
      (await chat.by.ask('GET', `/runs/${turn.generationId}/deltas`)).items.map(({ text }: Delta) => text),
    ).toEqual(
      feed.events.flatMap(({ event, data }) =>
        event === 'delta' && data.generationId === turn.generationId ? [data.text] : [],
      ),
    );
  });

  it('ends the stream of that turn for its client', async () => {
    const chat = await live.chat();
    provider.play('streamed', [delta('as far as'), stall]);
    const stream = await chat.by.stream('POST', chat.path('messages'), { content: 'streamed and cut' });
    await until(() => stream.events.length === 1);
    const generationId = String(stream.response.headers['verbatim-generation-id']);
    expect((await chat.cancel({ generationId })).status).toBe(202);
    await until(() => stream.isClosed);
    expect(stream.events.map(({ data }) => data)).toEqual([
      { token: 'as far as' },
      { done: true, full_response: 'as far as', status: 'cancelled' },
    ]);
  });

  it('in the pause before another attempt prevents the attempt', async () => {
    const chat = await live.chat();
    provider.play('too busy', plainly(429, '{"error":{"message":"slow down"}}', { 'retry-after': '29' }));
    const turn = await chat.send('too busy now');
    await until(async () => typesIn(await chat.run(turn)).at(-1) === 'AttemptEnded');
    expect(await cancelled(chat, turn)).toMatchObject({ status: 'cancelled', text: '' });
    expect(provider.calls('too busy')).toHaveLength(1);
    await chat.say('are you not?');
    expect(provider.messages('are you not?')).toEqual(['user: too busy now', 'user: are you not?']);
  });

  it('after the end gets the status of the generation, each time', async () => {
    const chat = await live.chat();
    provider.play('refused', plainly(400, '{"error":"no"}'));
    for (const [content, status] of [
      ['answered', 'final'],
      ['refused', 'error'],
    ] as const) {
      const turn = await chat.say(content);
      for (const _ of [1, 2]) {
        const late = await chat.cancel(turn);
        expect([late.status, late.json]).toEqual([200, { status }]);
      }
    }
    expect((await chat.cancel({ generationId: 'nobody' })).status).toBe(404);
  });
});

describe('while an answer is under way', () => {
  /** A conversation whose first answer stays open. */
  const opened = async (mark: string, settings = {}) => {
    const chat = await live.chat(settings);
    const { script, letGo } = held('begun', ' and ended');
    provider.play(`${mark} first`, script);
    const first = await chat.send(`${mark} first`);
    await chat.saying(first, 'begun');
    return { chat, first, letGo };
  };

  it('turns are refused, wait in order, or interrupt it and overtake those that wait', async () => {
    const { chat, first, letGo } = await opened('order');
    const refused = await chat.post('messages', { content: 'order refused' });
    expect([refused.status, refused.json.code, refused.headers.get('retry-after')]).toEqual([
      409,
      'conversation_busy',
      '1',
    ]);
    const waits = { promptSha256: null, status: 'queued' };
    const second = await chat.send('order second', busy);
    const third = await chat.send('order third', busy);
    expect([second, third]).toMatchObject([waits, waits]);
    expect((await chat.view()).status).toBe('generating');
    const now = await chat.send('order now', { whenBusy: 'interrupt' });
    expect(now).toMatchObject(waits);
    expect(await chat.ended(first)).toMatchObject({ status: 'cancelled', text: 'begun' });
    await isHungUp('order first');
    for (const turn of [now, second, third]) expect((await chat.ended(turn)).status).toBe('final');
    letGo();
    const asked = provider.received().map(({ body }) => JSON.parse(body).messages.at(-1).content);
    expect(asked.filter((content) => content.startsWith('order'))).toEqual(
      ['first', 'now', 'second', 'third'].map((which) => `order ${which}`),
    );
    const path = ['user: order first', 'assistant: begun'];
    expect(provider.messages('order now')).toEqual([...path, 'user: order now']);
    expect(provider.messages('order second')).toEqual([...path, 'user: order second']);
    expect(provider.messages('order third')).toEqual([
      ...provider.messages('order second'),
      'assistant: answer to 3',
      'user: order third',
    ]);
    expect(await chat.view()).toMatchObject({ status: 'idle' });
  });

  it('a conversation accepts renames, notes, branches and settings, and queued turns use the settings of their start', async () => {
    const { chat, first, letGo } = await opened('settings', { system: 'Before.' });
    const waiting = await chat.send('settings later', { ...busy, params: { seed: 1 } });
    const changes = [
      await chat.change({ title: 'Renamed' }),
      await chat.change({ system: 'After.', params: { seed: 2 }, model: 'later-model' }),
      await chat.turn('messages', { content: 'settings aside', kind: 'note' }),
      await chat.turn('messages', { content: 'settings unasked', generate: false, parent: null }),
      await chat.select(first.messageId),
    ];
    expect(changes.map(({ cursor }) => Number(cursor.split(':')[0]))).toEqual([7, 8, 9, 10, 11]);
    expect(await chat.view()).toMatchObject({ title: 'Renamed', system: 'After.', status: 'generating' });
    letGo();
    expect((await chat.ended(first)).text).toBe('begun and ended');
    await chat.ended(waiting);
    expect(provider.messages('settings first')[0]).toBe('system: Before.');
    expect(provider.messages('settings later')).toEqual([
      'system: After.',
      'user: settings first',
      'assistant: begun and ended',
      'user: settings later',
    ]);
    expect(JSON.parse(`${provider.calls('settings later')[0]?.body}`)).toMatchObject({ seed: 1, model: 'later-model' });
    expect((await chat.view()).path).toEqual([first.messageId]);
  });

  it('a queued turn whose prompt no longer fits ends with that error, without a call, and the next one runs', async () => {
    const { chat, first, letGo } = await opened('budget');
    const large = await chat.send(`budget large ${'word '.repeat(500)}`, busy);
    const small = await chat.send('budget small', { ...busy, parent: null });
    await chat.change({ tokenBudget: 200 });
    letGo();
    await chat.ended(first);
    expect(await chat.ended(large)).toMatchObject({ status: 'error', text: '', error: { kind: 'prompt_over_budget' } });
    expect(await chat.ended(small)).toMatchObject({ status: 'final', text: 'answer to 1' });
    expect(provider.calls('budget large')).toEqual([]);
    expect(await chat.run(large)).toMatchObject({ promptSha256: null, status: 'error', tokens: null, attempt: null });
    expect((await chat.by.call('GET', `/runs/${large.generationId}/request`)).status).toBe(404);
  });
});

it('has kept every promise', async () => {
  expect(await live.breaches('rate_limited', 'provider_error', 'prompt_over_budget')).toEqual([]);
});

interface Delta {
  readonly text: string;
}

const typesIn = ({ events }: { events: { type: string }[] }): string[] => events.map(({ type }) => type);
