import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { delta, reasoning } from '../support/fake-provider.js';
import type { LiveChat } from '../support/live-chat.js';
import { LiveProduct } from '../support/live-product.js';
import { held, steered } from '../support/played-provider.js';
import { saidBy, shownBy, shownIn } from '../support/shown-conversation.js';
import type { SseClient, SseEvent } from '../support/sse-client.js';
import { until } from '../support/until.js';

let live: LiveProduct;
beforeAll(async () => {
  live = await LiveProduct.start({ VERBATIM_DELTA_FLUSH_MS: '0' });
});
afterAll(() => live.stop());

const busy = { whenBusy: 'enqueue' };
const idle = (client: SseClient, cursor: string) => until(() => client.cursors.at(-1) === cursor);
const named = ({ events }: SseClient, name: string) => events.filter(({ event }) => event === name);

describe('two tabs', () => {
  it('show the same events with the same ids while another client sends and cancels', async () => {
    const chat = await live.chat();
    await chat.say('tabs before');
    const { script, letGo } = held('to be cut', ' never');
    live.provider.play('tabs held', script);
    const tabs = [await chat.watch(), await chat.watch(), await chat.watch('0:0')] as const;
    await chat.say('tabs first');
    const turn = await chat.send('tabs held');
    await chat.saying(turn, 'to be cut');
    const waiting = await chat.send('tabs waiting', busy);
    await chat.turn('messages', { content: 'tabs aside', kind: 'note' });
    await chat.cancel(waiting);
    await chat.cancel(turn);
    await chat.ended(turn);
    const { cursor } = await chat.change({ title: 'the end' });
    for (const tab of tabs) await idle(tab, cursor);
    letGo();
    const [one, other, fromTheStart] = tabs.map(({ events }) => events.slice(1));
    expect(named(tabs[0], 'snapshot').map(({ data }) => data.tree.length)).toEqual([2]);
    expect(other).toEqual(one);
    // What was heard live comes in one order. This one read the first turn, and heard the same from then on.
    expect(fromTheStart?.slice(-(one?.length ?? 0))).toEqual(one);
    const texts = shownBy(fromTheStart ?? []).nodes;
    expect(texts[turn.generationId]).toBe('cancelled to be cut');
    expect(texts[waiting.generationId]).toBe('cancelled ');
  });

  it('that send at once get one turn and one refusal', async () => {
    const chat = await live.chat();
    const tabs = [await chat.watch('0:0'), await chat.watch('0:0')] as const;
    for (let round = 0; round < 10; round++) {
      const { script, letGo } = held('mine', ' alone');
      live.provider.play(`both ${round};`, script);
      const both = await Promise.all(
        [0, 1].map((tab) => chat.post('messages', { content: `both ${round}; from ${tab}` })),
      );
      expect(both.map(({ status }) => status).sort()).toEqual([202, 409]);
      const [taken, refused] = both.sort((a, b) => a.status - b.status);
      expect(refused?.json).toMatchObject({ code: 'conversation_busy', generationId: taken?.json.generationId });
      letGo();
      expect((await chat.ended(taken?.json)).text).toBe('mine alone');
    }
    const { cursor } = await chat.view();
    for (const tab of tabs) await idle(tab, cursor);
    expect(named(tabs[0], 'message-sent')).toHaveLength(10);
    expect(tabs[1].events).toEqual(tabs[0].events);
  });
});

describe('many clients', () => {
  it('that write in one conversation at once are all accepted, and every feed shows all messages', async () => {
    const chat = await live.chat();
    const feed = await chat.watch('0:0');
    const contents = Array.from({ length: 20 }, (_, nth) => `crowd ${nth}`);
    const taken = await Promise.all(contents.map((content) => chat.post('messages', { content, kind: 'note' })));
    expect(taken.map(({ status }) => status)).toEqual(Array(20).fill(202));
    await idle(feed, '21:0');
    expect(
      named(feed, 'message-sent')
        .map(({ data }) => data.text)
        .sort(),
    ).toEqual(contents.sort());
  });
});

interface Recorded {
  readonly chat: LiveChat;
  readonly client: SseClient;
  /** Others, who came back with its last id, and how many events it had seen by then. */
  readonly late: [number, SseClient][];
  /** Others, who began with a snapshot. */
  readonly fresh: SseClient[];
}

/** A turn of which each piece is shown before anything else happens, with everything that may happen beside it. */
async function recorded(mark: string): Promise<Recorded> {
  const chat = await live.chat({ title: 'Before' });
  const client = await chat.watch('0:0');
  const texts = ['Once', ' upon', ' a', ' time', '.'];
  const { script, letNext } = steered([reasoning('Hm.'), ...texts.map(delta)]);
  live.provider.play(`${mark} a story`, script);
  const late: [number, SseClient][] = [];
  const fresh: SseClient[] = [];
  const join = async () => {
    const seen = client.events.length;
    late.push([seen, await chat.watch(client.cursors.at(-1))]);
    fresh.push(await chat.watch());
  };
  const told = async (nth: number) => {
    letNext();
    await until(() => named(client, 'delta').length === nth);
    await join();
  };
  const first = await chat.send(`${mark} a story`);
  await told(1);
  const beside = [
    () => chat.turn('messages', { content: `${mark} aside`, kind: 'note' }),
    () => chat.change({ title: 'Meanwhile' }),
    () => chat.send(`${mark} wait for it`, busy),
    () => chat.select(first.messageId),
    () => chat.turn('messages', { content: `${mark} aside again`, kind: 'note' }),
  ];
  for (const [nth, happen] of beside.entries()) {
    await told(nth + 2);
    const { cursor } = await happen();
    await until(() => client.cursors.some((id) => id.startsWith(cursor.replace(/:.*/, ':'))));
    await join();
  }
  letNext();
  await until(() => named(client, 'generation-finalized').length === 2);
  await idle(client, (await chat.view()).cursor);
  return { chat, client, late, fresh };
}

describe('a client that comes back', () => {
  it('gets the rest exactly once from every cursor, at every moment of the turn', async () => {
    const { chat, client, late } = await recorded('resumed');
    expect(client.events.length).toBeGreaterThan(20);
    const since = [...client.events.entries()].map(([nth, { id }]) => [nth + 1, id] as const);
    const resumed: [number, SseClient][] = [];
    for (const [seen, id] of since) resumed.push([seen, await chat.watch(id)]);
    for (const [seen, again] of [...resumed, ...late]) {
      const rest = client.events.slice(seen);
      await until(() => again.events.length >= rest.length);
      expect([seen, saidBy(again.events)]).toEqual([seen, saidBy(rest)]);
      expect(again.cursors.at(-1) ?? client.cursors.at(-1)).toBe(client.cursors.at(-1));
      expect(shownBy([...client.events.slice(0, seen), ...again.events])).toEqual(shownBy(client.events));
    }
  });

  it('reads at every cursor exactly what its feed showed there', async () => {
    const { chat, client } = await recorded('remembered');
    const all: SseEvent[] = [];
    for (const event of client.events) {
      all.push(event);
      const then = await chat.view(`?at=${event.id}`);
      expect([event.id, then.cursor, shownIn(then)]).toEqual([event.id, event.id, shownBy(all)]);
    }
    const now = await chat.view(`?min=${client.cursors.at(-1)}`);
    expect(await chat.view(`?at=${client.cursors.at(-1)}`)).toEqual(now);
    expect(shownIn(await chat.view('?at=0:0'))).toEqual({ title: null, nodes: {} });
  });

  it('reads the same as a client that began with a snapshot in the middle', async () => {
    const { chat, client, fresh } = await recorded('fresh');
    const now = shownIn(await chat.view());
    for (const each of fresh) {
      await idle(each, client.cursors.at(-1) ?? '');
      const [snapshot, ...rest] = each.events;
      expect(snapshot?.event).toBe('snapshot');
      expect(snapshot?.data).toEqual(await chat.view(`?at=${snapshot?.id}`));
      expect(shownBy(rest, shownIn(snapshot?.data))).toEqual(now);
    }
  });

  it('reads what the feeds of clients that joined in the middle showed', async () => {
    const { chat, client, late } = await recorded('joined');
    await until(() => late.every(([seen, { events }]) => events.length >= client.events.length - seen));
    for (const [seen, again] of late) {
      const all = client.events.slice(0, seen);
      for (const event of again.events) {
        all.push(event);
        expect([event.id, shownIn(await chat.view(`?at=${event.id}`))]).toEqual([event.id, shownBy(all)]);
      }
    }
  });
});

it('has kept every promise', async () => {
  expect(await live.breaches()).toEqual([]);
});
