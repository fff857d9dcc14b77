import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { limits } from '../../src/limits.js';
import { samplesIn } from '../support/exposition.js';
import { answer } from '../support/fake-provider.js';
import { FeedCrowd, requireFilesFor } from '../support/feed-crowd.js';
import type { LiveChat } from '../support/live-chat.js';
import { LiveProduct } from '../support/live-product.js';
import { until } from '../support/until.js';

/** Feeds that wait, and feeds beside one that does not read. */
const WAITING = 10_000;
const READING = 5_000;
const MEBIBYTE = 2 ** 20;
const DEADLINE_MS = 50_000;
const TEST_MS = 120_000;

let live: LiveProduct;
let crowd: FeedCrowd;
beforeEach(() => {
  crowd = new FeedCrowd();
});
afterEach(async () => {
  crowd.leave();
  await live.stop();
});

/** What the process tells of itself, as an operator sees it. */
async function sample(name: string): Promise<number> {
  const text = await (await fetch(`${live.admin.address}/metrics`)).text();
  return samplesIn(text).get(name) ?? Number.NaN;
}
const residentMiB = async () => (await sample('process_resident_memory_bytes')) / MEBIBYTE;
const feedsOpen = () => sample('sse_clients');

/** A machine that is busy with thousands of sockets may have to be asked again: that is what 503 says. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  let answer: { readonly is: T } | undefined;
  await until(async () => {
    answer = await ask().then(
      (is) => ({ is }),
      (error) => {
        if (!`${error}`.includes(': 503 ')) throw error;
        return undefined;
      },
    );
    return answer !== undefined;
  }, DEADLINE_MS);
  return (answer as { readonly is: T }).is;
}

/** A conversation of somebody's own, which so many follow. */
async function followedBy(count: number): Promise<LiveChat> {
  const chat = await live.chat();
  await crowd.follow(chat.by, chat.id, '1:0', count);
  return chat;
}

describe('many feeds in one process', () => {
  it(
    `${WAITING} that wait get heartbeats from one timer, take little memory, and all receive the next event`,
    async () => {
      // What has to be kept fits into this. Where there is more, what was thrown away is not collected before that is full.
      live = await LiveProduct.start({ NODE_OPTIONS: '--max-old-space-size=300' });
      const feeds = WAITING;
      requireFilesFor(feeds);
      const before = { memory: await residentMiB(), timers: await sample('nodejs_active_resources{type="Timeout"}') };
      // Of several people: each may have so many of their own.
      const chats: LiveChat[] = [];
      while (chats.length < 10) chats.push(await followedBy(feeds / 10));
      expect(await feedsOpen()).toBe(feeds);
      await until(() => crowd.readers.every(({ heartbeats }) => heartbeats > 0), DEADLINE_MS);

      expect((await residentMiB()) - before.memory).toBeLessThan(80 + feeds / 30);
      // A timer for each would be thousands; the others come and go with what else is done.
      expect((await sample('nodejs_active_resources{type="Timeout"}')) - before.timers).toBeLessThan(100);

      for (const chat of chats) await chat.change({ title: 'awake' });
      await until(() => crowd.readers.every(({ told }) => told.length > 0), DEADLINE_MS);
      expect(new Set(crowd.readers.map(({ told }) => told.join()))).toEqual(new Set(['2:0']));
      expect(await feedsOpen()).toBe(feeds);
    },
    TEST_MS,
  );

  it(
    `${READING} read while one does not: memory stays flat, and that one is closed and can resume`,
    async () => {
      live = await LiveProduct.start();
      const feeds = READING;
      requireFilesFor(feeds);
      const quiet: LiveChat[] = [];
      while (quiet.length < 10) quiet.push(await followedBy(feeds / 10));
      const loud = await live.chat();
      const [reading, stalled] = [await loud.watch('0:0'), await loud.watch('0:0')];
      live.provider.play('tell', answer(Array.from({ length: 16 }, (_, nth) => `${nth} `.padEnd(2_000, 'x'))));
      let notes = 0;
      /** Everybody is told an answer and all around it, and those in the loud one much more. Answers with the most memory. */
      const flow = async (isEnough: () => Promise<boolean>) => {
        const turns = Promise.all(quiet.map((chat) => told(chat, `tell ${notes} ${chat.id}`)));
        let most = 0;
        do {
          for (let nth = 0; nth < 10; nth++) await say(loud, `${notes++}`);
          most = Math.max(most, await residentMiB());
        } while (!(await isEnough()));
        await turns;
        return Math.max(most, await residentMiB());
      };

      const whileAllRead = await flow(async () => notes >= 40);
      await until(() => stalled.events.length === notes + 1);
      stalled.stall();
      const whileOneDoesNot = await flow(
        async () => notes >= 80 && (notes >= 240 || (await feedsOpen()) === feeds + 1),
      );
      expect(await feedsOpen()).toBe(feeds + 1);
      // What a log and its views remember grows a little with it; what each feed may be owed would be a MiB for each.
      expect(whileOneDoesNot - whileAllRead).toBeLessThan(150);
      await allTold(quiet);

      stalled.goOn();
      await until(() => stalled.isClosed);
      expect(stalled.events.length).toBeLessThan(notes);
      const resumed = await loud.watch(stalled.cursors.at(-1));
      await say(loud, 'back');
      await until(() => reading.events.length === notes + 2, DEADLINE_MS);
      const missed = reading.events.slice(stalled.events.length);
      await until(() => resumed.events.length >= missed.length, DEADLINE_MS);
      expect(resumed.events).toEqual(missed);
      expect([...stalled.events, ...resumed.events]).toEqual(reading.events);
    },
    TEST_MS,
  );

  async function told(chat: LiveChat, content: string): Promise<void> {
    const turn = await chat.send(content);
    await until(async () => (await patiently(() => chat.run(turn))).status === 'final', DEADLINE_MS);
  }

  /** As large as any: a few of them are more than may wait for anybody. */
  async function say(chat: LiveChat, name: string): Promise<void> {
    const content = `${name} `.padEnd(limits.contentBytesMax - 1_000, 'y');
    const key = { 'idempotency-key': name };
    await patiently(() => chat.by.ask('POST', chat.path('messages'), { content, kind: 'note' }, key));
  }

  /** Every reader of a conversation was told the same as somebody who asks for all of it now. */
  async function allTold(chats: readonly LiveChat[]): Promise<void> {
    for (const [nth, chat] of chats.entries()) {
      const { cursor } = await patiently(() => chat.view());
      const late = await chat.watch('1:0');
      await until(() => late.cursors.at(-1) === cursor);
      const readers = crowd.readers.slice((nth * READING) / 10, ((nth + 1) * READING) / 10);
      await until(() => readers.every(({ told }) => told.at(-1) === cursor), DEADLINE_MS);
      expect(new Set(readers.map(({ told }) => told.join(' ')))).toEqual(new Set([late.cursors.join(' ')]));
      late.leave();
    }
  }
});
