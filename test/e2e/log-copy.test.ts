import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { ApiClient } from '../support/api-client.js';
import { LiveChat } from '../support/live-chat.js';
import { command } from '../support/product.js';
import { withRestarts } from '../support/restarts.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';
import { startStandInProcess } from '../support/test-log.js';
import { TurnJournal } from '../support/turn-journal.js';
import { until } from '../support/until.js';

async function copied(environment: Record<string, string>, ...words: string[]) {
  const { output, ended } = command(environment, 'log', 'copy', ...words, '--json');
  const code = await ended;
  return { code, err: output.err, ...(code === 0 && JSON.parse(output.out)) };
}

const recorded = (client: ApiClient, generation: string) =>
  until(async () => (await client.call('GET', `/runs/${generation}/proof`)).status === 200);

const treeOf = async (client: ApiClient) => (await client.call('GET', '/record/checkpoint')).text.split('\n');

describe('a log that moves from one engine to another', () => {
  it('goes from the embedded database to EventStoreDB and back, and keeps texts, runs, keys and idempotency', async () => {
    const standIn = await startStandInProcess();
    try {
      await withTemporaryDirectory(async (place) => {
        await withRestarts(async ({ start, provider, dataDir }) => {
          const [beside, back] = [join(place, 'beside'), join(place, 'back')];
          const around = { journal: new TurnJournal(), provider };
          const first = await start();
          const chat = await LiveChat.start(around, first.client, { title: 'Moves' });
          const { generationId } = await chat.say('before the move');
          const keyed = { 'idempotency-key': 'once' };
          const body = { content: 'said once' };
          const answer = await chat.post('messages', body, keyed);
          expect(answer.status).toBe(202);
          await chat.ended(answer.json);
          const run = await chat.run({ generationId });
          await recorded(first.client, generationId);
          const [origin] = await treeOf(first.client);
          const shown = await chat.view();
          expect(await copied({ VERBATIM_DATA_DIR: dataDir }, '--to', standIn.url, '--database', beside)).toMatchObject(
            {
              code: 1,
              err: expect.stringContaining('in use by another process: stop that one first'),
            },
          );
          await first.product.stop();

          const away = await copied({ VERBATIM_DATA_DIR: dataDir }, '--to', standIn.url, '--database', beside);
          expect([away.code, away.err]).toEqual([0, expect.stringContaining('copy: 100%')]);
          expect(away.copied).toBe(away.events);
          expect(await copied({ VERBATIM_DATA_DIR: dataDir }, '--to', standIn.url, '--database', beside)).toMatchObject(
            {
              code: 1,
              err: expect.stringContaining('completed before'),
            },
          );

          const moved = { EVENT_LOG_URL: standIn.url, VERBATIM_DATA_DIR: beside };
          const second = await start(moved);
          const there = chat.as(second.client);
          await until(async () => (await there.view()).tree.length === shown.tree.length);
          expect((await there.view()).tree).toEqual(shown.tree);
          expect(await there.run({ generationId })).toEqual(run);
          const repeated = await there.post('messages', body, keyed);
          expect([repeated.status, repeated.json]).toEqual([answer.status, answer.json]);
          await recorded(second.client, generationId);
          expect((await treeOf(second.client))[0]).not.toBe(origin);
          await recorded(second.client, (await there.say('on the other engine')).generationId);
          const moreShown = await there.view();
          await second.product.stop();

          const home = await copied(moved, '--to', back);
          expect([home.code, home.events]).toEqual([0, expect.any(Number)]);
          const third = await start({ VERBATIM_DATA_DIR: back });
          const again = chat.as(third.client);
          expect((await again.view()).tree).toEqual(moreShown.tree);
          expect((await again.post('messages', body, keyed)).json).toEqual(answer.json);
          await again.say('home again');
          await third.product.stop();
        });
      });
    } finally {
      await standIn.stop();
    }
  });
});
