import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { limits } from '../../src/limits.js';
import { ApiClient } from '../support/api-client.js';
import { ADMIN_KEY } from '../support/failpoint-process.js';
import type { Death } from '../support/failpoints.js';
import { answer } from '../support/fake-provider.js';
import { breaches } from '../support/invariants/check.js';
import { LiveChat } from '../support/live-chat.js';
import { held, type PlayedProvider, startPlayedProvider } from '../support/played-provider.js';
import { rebuildDifferences } from '../support/rebuilt.js';
import { TurnGround } from '../support/turn-ground.js';
import { TurnJournal } from '../support/turn-journal.js';
import { until } from '../support/until.js';

/** A busy machine may hold a process for a second. Its lease must not end then: the next attempt would be a second call. */
const LEASE_MS = '4000';
/** Every piece of it differs, so that one that is lost, doubled or moved shows. */
const LARGE = Array.from({ length: 40_000 }, (_, nth) => `${nth} `).join('');
const FULL_APPENDS = Math.floor(LARGE.length / limits.deltaCharactersMax);
const WAITING = 2 * limits.endedTurnsPerAppendMax + 3;

describe('a process killed in the end of a large answer', () => {
  let ground: TurnGround;
  beforeAll(async () => {
    ground = await TurnGround.prepare();
  });
  afterAll(() => ground.clear());

  /** The chat before the death and the same chat after the next start. `begin` resolves when only the death is to come. */
  async function through(
    dieAt: Death,
    begin: (chat: LiveChat, provider: PlayedProvider) => Promise<void>,
    after: (chat: LiveChat, provider: PlayedProvider) => Promise<void>,
    ...otherFailures: string[]
  ): Promise<void> {
    await ground.withStores(async ({ environment, log, connection }) => {
      const provider = await startPlayedProvider();
      const settings = { ...environment, OPENAI_BASE_URL: provider.baseUrl, VERBATIM_LEASE_MS: LEASE_MS };
      const dying = ground.server({ environment: settings, dieAt });
      const next = ground.server({ environment: settings });
      const clients: ApiClient[] = [];
      const clientOf = (address: string | undefined) => {
        const client = new ApiClient(address ?? 'none', ADMIN_KEY);
        clients.push(client);
        return client;
      };
      try {
        const around = { journal: new TurnJournal(), provider };
        const before = await LiveChat.start(around, clientOf(await dying.begin()), {});
        await before.watch('0:0');
        await begin(before, provider);
        expect([await dying.ended, dying.hit?.failpoint]).toEqual(['SIGKILL', dieAt.failpoint]);
        const chat = before.as(clientOf(await next.begin()));
        await after(chat, provider);
        const feed = await chat.watch('0:0');
        await until(async () => feed.cursors.at(-1) === (await chat.view()).cursor);
        // Its lanes would hold the read models that are rebuilt next.
        await next.destroy();
        const found = await breaches({ log, journal: around.journal, calls: provider.received(), otherFailures });
        expect(found).toEqual([]);
        expect(await rebuildDifferences(connection, log)).toEqual([]);
      } finally {
        for (const client of clients) client.leave();
        await Promise.all([dying.destroy(), next.destroy()]);
        await provider.stop();
      }
    });
  }

  it.each(Array.from({ length: FULL_APPENDS }, (_, nth) => nth + 1))(
    'ends it after the next start with the text of its first %i appends, and makes no second call',
    async (hit) => {
      let turn = { generationId: '' };
      await through(
        { failpoint: 'after-full-append', hit },
        async (chat, provider) => {
          provider.play('large', answer([LARGE]));
          turn = await chat.send('large');
        },
        async (chat, provider) => {
          const text = LARGE.slice(0, hit * limits.deltaCharactersMax);
          const node = await chat.ended(turn);
          expect(node).toMatchObject({ status: 'error', error: { kind: 'interrupted' } });
          expect(node.text === text).toBe(true);
          expect(provider.calls('large')).toHaveLength(1);
        },
      );
    },
  );

  it.each([1, 2])(
    'ends every turn once after the next start, when it dies after append %i of their ends',
    async (hit) => {
      const waiting: { generationId: string }[] = [];
      let open = { generationId: '' };
      await through(
        { failpoint: 'mid-finalize', hit },
        async (chat, provider) => {
          const { script, letGo } = held('begun', ' and ended');
          provider.play('first', script);
          open = await chat.send('first');
          await chat.saying(open as never, 'begun');
          for (let nth = 0; nth < WAITING; nth++) {
            waiting.push(await chat.send(`waits ${nth}`, { whenBusy: 'enqueue' }));
          }
          await chat.change({ tokenBudget: 1 });
          letGo();
        },
        async (chat, provider) => {
          expect(await chat.ended(open)).toMatchObject({ status: 'final', text: 'begun and ended' });
          for (const turn of waiting) {
            expect(await chat.ended(turn)).toMatchObject({ status: 'error', error: { kind: 'prompt_over_budget' } });
          }
          expect(provider.received()).toHaveLength(1);
        },
        'prompt_over_budget',
      );
    },
  );
});
