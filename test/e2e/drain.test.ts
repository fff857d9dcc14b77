import { describe, expect, it } from '@jest/globals';
import { delta, stall } from '../support/fake-provider.js';
import { LiveChat } from '../support/live-chat.js';
import { steered } from '../support/played-provider.js';
import { type Product, processesNaming } from '../support/product.js';
import { type Restarts, withRestarts } from '../support/restarts.js';
import { TurnJournal } from '../support/turn-journal.js';
import { until } from '../support/until.js';

const LONG_MS = '600000';
/** Longer than two answers of the feed take, and short enough to wait for. */
const SHORT_MS = '3000';

/** A product that received SIGTERM while it streams an answer of which one piece has come. */
async function draining({ start, provider }: Restarts, VERBATIM_DRAIN_MS: string) {
  const { script, letNext } = steered([delta('before'), delta(' and after')]);
  provider.play('long answer', script);
  const { product, client } = await start({ VERBATIM_DRAIN_MS });
  const chat = await LiveChat.start({ journal: new TurnJournal(), provider }, client, {});
  const feed = await chat.watch('0:0');
  const turn = await chat.send('long answer');
  letNext();
  await until(() => feed.events.at(-1)?.data.text === 'before');
  let code: number | null | undefined;
  const stopped = product.stop('SIGTERM').then((ended) => {
    code = ended;
  });
  // As npm passes on the signal that the terminal has sent to each process of the group.
  void product.stop('SIGTERM');
  await until(async () => (await readiness(product)) === 'draining');
  return { product, chat, feed, turn, letNext, stopped, code: () => code };
}

describe('a product that receives SIGTERM while an answer streams', () => {
  it('streams it to its end within the drain, although the signal comes twice at once, and ends with 0', async () => {
    await withRestarts(async (restarts) => {
      const { chat, feed, turn, letNext, stopped, code } = await draining(restarts, LONG_MS);
      letNext();
      await until(() => feed.events.at(-1)?.data.text === ' and after');
      expect(code()).toBeUndefined();
      letNext();
      await stopped;
      expect(code()).toBe(0);
      expect(feed.events.at(-1)).toMatchObject({ event: 'generation-finalized', data: { text: 'before and after' } });
      expect(processesNaming(restarts.dataDir)).toEqual([]);

      const after = chat.as((await restarts.start()).client);
      // From the log: the process may have ended before its read models had the end of the answer.
      expect(await after.ended(turn)).toMatchObject({ status: 'final', text: 'before and after' });
      expect(restarts.provider.calls('long answer')).toHaveLength(1);
    });
  });

  it('ends with 0 when the drain is over, and the next start ends the answer with the text that had come', async () => {
    await withRestarts(async (restarts) => {
      const { chat, feed, turn, letNext, stopped, code } = await draining(restarts, SHORT_MS);
      letNext();
      await until(() => feed.events.at(-1)?.data.text === ' and after');
      await stopped;
      expect(code()).toBe(0);
      expect(feed.isClosed).toBe(true);
      expect(feed.events.at(-1)?.event).toBe('delta');
      await expectInterrupted(restarts, chat, turn, 'before and after');
    });
  });

  it('cuts the drain at a second signal, ends with 0, and the next start ends the answer', async () => {
    await withRestarts(async (restarts) => {
      const { product, chat, turn, stopped, code } = await draining(restarts, LONG_MS);
      // A signal within the first second counts as the same one.
      await until(async () => {
        if (code() === undefined) void product.stop('SIGTERM');
        return code() !== undefined;
      });
      await stopped;
      expect(code()).toBe(0);
      await expectInterrupted(restarts, chat, turn, 'before');
    });
  });

  it('makes the call again after the next start when nothing of the answer had come', async () => {
    await withRestarts(async (restarts) => {
      const { start, provider } = restarts;
      provider.play('silent', [stall], [delta('at last')]);
      const { product, client } = await start({ VERBATIM_DRAIN_MS: '0' });
      const chat = await LiveChat.start({ journal: new TurnJournal(), provider }, client, {});
      const turn = await chat.send('silent');
      await until(() => provider.calls('silent').length === 1);
      expect(await product.stop('SIGTERM')).toBe(0);
      expect(processesNaming(restarts.dataDir)).toEqual([]);
      const after = chat.as((await start()).client);
      await after.ended(turn);
      expect(await after.run(turn)).toMatchObject({ attempt: 2 });
      expect(provider.calls('silent')).toHaveLength(2);
    });
  });
});

/** No process is left, and the answer ends once, with what had come. No second call is made. */
async function expectInterrupted(restarts: Restarts, chat: LiveChat, turn: { generationId: string }, text: string) {
  expect(processesNaming(restarts.dataDir)).toEqual([]);
  const after = chat.as((await restarts.start()).client);
  expect(await after.ended(turn as never)).toMatchObject({ status: 'error', text, error: { kind: 'interrupted' } });
  expect(restarts.provider.calls('long answer')).toHaveLength(1);
  const ends = (await after.run(turn)).events.filter(({ type }: { type: string }) => type === 'GenerationFinalized');
  expect(ends).toHaveLength(1);
}

const readiness = async ({ address }: Product): Promise<string> =>
  ((await (await fetch(`${address}/health/ready`)).json()) as { status: string }).status;
