import { describe, expect, it } from '@jest/globals';
import { delta } from '../support/fake-provider.js';
import { LiveChat } from '../support/live-chat.js';
import { steered } from '../support/played-provider.js';
import { withRestarts } from '../support/restarts.js';
import { saidBy, shownBy, shownIn } from '../support/shown-conversation.js';
import { TurnJournal } from '../support/turn-journal.js';
import { until } from '../support/until.js';

describe('a product that is stopped in the middle of a conversation and started again', () => {
  it('shows the same at every cursor, resumes feeds, and gives repeated requests their first answers', async () => {
    await withRestarts(async ({ start, provider }) => {
      const around = { journal: new TurnJournal(), provider };
      const { script, letNext } = steered([delta('before'), delta(' and after')]);
      provider.play('over the stop', script);
      const { product, client } = await start();
      const before = await LiveChat.start(around, client, { title: 'Stopped', system: 'Be brief.' });
      const feed = await before.watch('0:0');
      await before.say('first');
      await before.turn('messages', { content: 'aside', kind: 'note' });
      const headers = { 'idempotency-key': 'over-the-stop' };
      const open = await before.post('messages', { content: 'over the stop' }, headers);
      letNext();
      await until(() => feed.events.at(-1)?.data.text === 'before');
      const seen = [...feed.events];
      const views = await Promise.all(seen.map(({ id }) => before.view(`?at=${id}`)));

      const stopped = product.stop();
      await until(async () => (await fetch(`${product.address}/health/ready`)).status === 503);
      letNext();
      letNext();
      expect(await stopped).toBe(0);
      expect(feed.isClosed).toBe(true);
      const shown = [...feed.events];
      expect(shown.slice(0, seen.length)).toEqual(seen);

      const after = before.as((await start()).client);
      expect(await Promise.all(seen.map(({ id }) => after.view(`?at=${id}`)))).toEqual(views);
      const rest = await after.watch(shown.at(-1)?.id);
      const { generationId } = open.json;
      expect(await after.ended(open.json)).toMatchObject({ status: 'final', text: 'before and after' });
      await after.say('second');
      const { cursor } = await after.change({ title: 'Started' });
      await until(() => rest.cursors.at(-1) === cursor);
      const told = [...shown, ...rest.events];
      expect(shownBy(told)).toEqual(shownIn(await after.view()));
      for (const [nth, { id }] of told.entries()) {
        expect([id, shownIn(await after.view(`?at=${id}`))]).toEqual([id, shownBy(told.slice(0, nth + 1))]);
      }
      const whole = await after.watch('0:0');
      await until(() => whole.cursors.at(-1) === cursor);
      expect(saidBy(whole.events)).toEqual(saidBy(told));

      const again = await after.post('messages', { content: 'over the stop' }, headers);
      expect([again.status, again.json]).toEqual([open.status, open.json]);
      expect(provider.calls('over the stop')).toHaveLength(1);
      const { bytes } = await after.by.call('GET', `/runs/${generationId}/request`);
      expect(bytes).toEqual(provider.calls('over the stop')[0]?.body);
      expect(provider.messages('second')).toEqual([
        'system: Be brief.',
        'user: first',
        'assistant: answer to 2',
        'user: over the stop',
        'assistant: before and after',
        'user: second',
      ]);
    });
  });
});
