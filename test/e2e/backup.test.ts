import { cp, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { ApiClient } from '../support/api-client.js';
import { LiveChat } from '../support/live-chat.js';
import { command } from '../support/product.js';
import { withRestarts } from '../support/restarts.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';
import { TurnJournal } from '../support/turn-journal.js';
import { until } from '../support/until.js';

async function verbatim(environment: Record<string, string>, ...words: string[]) {
  const { output, ended } = command(environment, ...words);
  return { code: await ended, ...output };
}

const recorded = (client: ApiClient, generation: string) =>
  until(async () => (await client.call('GET', `/runs/${generation}/proof`)).status === 200);

const textsOf = async (chat: LiveChat) => (await chat.view()).tree.map(({ text }) => text);

describe('a backup of the embedded stores', () => {
  it('has every turn from before its begin, while others are written, and goes on as a new incarnation', async () => {
    await withTemporaryDirectory(async (place) => {
      await withRestarts(async ({ start, provider, dataDir }) => {
        const around = { journal: new TurnJournal(), provider };
        const first = await start();
        const chat = await LiveChat.start(around, first.client, { title: 'Kept' });
        await recorded(first.client, (await chat.say('before the backup')).generationId);
        const before = await textsOf(chat);

        const backup = join(place, 'backups', 'first');
        const busy = await LiveChat.start(around, first.client, { title: 'Busy' });
        let isDone = false;
        const backingUp = verbatim({ VERBATIM_DATA_DIR: dataDir }, 'backup', backup, '--json').finally(() => {
          isDone = true;
        });
        let said = 0;
        for (; !isDone; said++) await busy.say(`while it is made ${said}`);
        const made = await backingUp;
        expect([made.code, made.err]).toEqual([0, '']);
        expect(said).toBeGreaterThan(0);
        expect(await readdir(join(place, 'backups'))).toEqual(['first']);
        await chat.say('after the backup');
        await first.product.stop();

        const restored = join(place, 'restored');
        const done = await verbatim({ VERBATIM_DATA_DIR: restored }, 'restore', backup, '--json');
        expect([done.code, done.err]).toEqual([0, '']);
        const { incarnation } = JSON.parse(done.out);
        expect((await stat(join(restored, 'record.key'))).mode & 0o777).toBe(0o600);

        const { client, product } = await start({ VERBATIM_DATA_DIR: restored });
        const again = chat.as(client);
        expect(await textsOf(again)).toEqual(before);
        const { generationId } = await again.say('in the new incarnation');
        expect((await again.view()).tree).toHaveLength(4);
        // The busy conversation is a beginning of what was said, with nothing between left out.
        const kept = (await textsOf(busy.as(client))).filter((text) => text.startsWith('while'));
        expect(kept).toEqual(Array.from(kept, (_, nth) => `while it is made ${nth}`));
        await recorded(client, generationId);
        expect((await client.ask('GET', '/record/key')).origin).toContain(`.${incarnation}/`);
        const checked = await verbatim({ VERBATIM_DATA_DIR: restored }, 'record', 'check', '--json');
        expect([checked.code, checked.err]).toEqual([0, '']);
        await product.stop();
      });
    });
  });

  it('is made of a data directory without a server, and its keys can be kept elsewhere', async () => {
    await withTemporaryDirectory(async (place) => {
      await withRestarts(async ({ start, provider, dataDir }) => {
        const first = await start();
        const chat = await LiveChat.start({ journal: new TurnJournal(), provider }, first.client, { title: 'Kept' });
        await recorded(first.client, (await chat.say('before the backup')).generationId);
        const key = await first.client.ask('GET', '/record/key');
        await first.product.stop();

        const [backup, restored, keys] = ['backup', 'restored', 'keys'].map((name) => join(place, name)) as [
          string,
          string,
          string,
        ];
        expect((await verbatim({ VERBATIM_DATA_DIR: dataDir }, 'backup', backup)).code).toBe(0);
        expect(await readdir(join(backup, 'keys'))).toEqual(['record.key']);
        await cp(join(backup, 'keys'), keys, { recursive: true });
        await rm(join(backup, 'keys'), { recursive: true });
        for (const folder of [[], ['--keys', place]]) {
          const { code, err } = await verbatim({ VERBATIM_DATA_DIR: restored }, 'restore', backup, ...folder);
          expect([code, err]).toEqual([1, expect.stringMatching(/lacks .*record\.key.* of this backup: .* --keys/)]);
        }
        expect((await verbatim({ VERBATIM_DATA_DIR: restored }, 'restore', backup, '--keys', keys)).code).toBe(0);
        const { client, product } = await start({ VERBATIM_DATA_DIR: restored });
        expect(await textsOf(chat.as(client))).toHaveLength(2);
        await until(async () => (await client.call('GET', '/record/key')).status === 200);
        const now = await client.ask('GET', '/record/key');
        expect(now.vkey.split('+').at(-1)).toBe(key.vkey.split('+').at(-1));
        expect(now.origin).not.toBe(key.origin);
        await product.stop();
      });
    });
  });

  it('is refused where it would replace or mix something, and where a server has the data', async () => {
    await withTemporaryDirectory(async (place) => {
      const [full, absent] = [join(place, 'full'), join(place, 'absent')];
      await mkdir(full);
      await writeFile(join(full, 'kept'), 'kept');
      const dataDir = join(place, 'data');
      const refusals: [Record<string, string>, string[], RegExp][] = [
        [{ VERBATIM_DATA_DIR: dataDir }, ['backup', full], /full is not empty/],
        [{ VERBATIM_DATA_DIR: dataDir }, ['backup', absent], /no log in .*data yet/],
        [{ VERBATIM_DATA_DIR: dataDir }, ['backup', join(dataDir, 'backup')], /in the data directory itself/],
        [{ VERBATIM_DATA_DIR: absent }, ['restore', full], /full is no backup/],
        [{ DATABASE_URL: 'postgres://127.0.0.1:1/verbatim' }, ['backup', absent], /DATABASE_URL names a server/],
        [{ EVENT_LOG_URL: 'esdb://127.0.0.1:1' }, ['restore', full], /EVENT_LOG_URL names a server/],
      ];
      for (const [environment, words, reason] of refusals) {
        const { code, err } = await verbatim(environment, ...words);
        expect([code, err]).toEqual([1, expect.stringMatching(reason)]);
      }
      expect(await readdir(place)).toEqual(['full']);
    });
  });
});
