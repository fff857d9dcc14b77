import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EventLog } from '../../src/ports/event-log.js';
import { ADMIN_KEY, type ServerProcess } from '../support/failpoint-process.js';
import { breaches } from '../support/invariants/check.js';
import { askAllAgain, TurnClient } from '../support/turn-client.js';
import type { Service } from '../support/turn-feed.js';
import { TurnGround } from '../support/turn-ground.js';
import { TurnJournal } from '../support/turn-journal.js';
import { runLoad } from '../support/turn-load.js';
import { startTurnProvider, type TurnProvider } from '../support/turn-provider.js';
import { until } from '../support/until.js';

type Address = string | undefined;

interface Pair {
  readonly one: ServerProcess;
  readonly other: ServerProcess;
  readonly provider: TurnProvider;
  readonly journal: TurnJournal;
  readonly log: EventLog;
  /** Asks, and follows, where it is told to. */
  service(address: (purpose: 'command' | 'feed', addresses: readonly Address[]) => Address): Service;
}

let ground: TurnGround;
beforeAll(async () => {
  ground = await TurnGround.prepare();
});
afterAll(() => ground.clear());

/** Two processes on one database, for one test; and then all that is known of it is held against the log. */
async function withPair(neverLetsGo: boolean, test: (pair: Pair) => Promise<void>): Promise<void> {
  await ground.withStores(async ({ environment: stores, log }) => {
    const provider = await startTurnProvider(() => log.head());
    const environment = { ...stores, OPENAI_BASE_URL: provider.baseUrl };
    const one = ground.server({ environment, neverLetsGo });
    const other = ground.server({ environment });
    const journal = new TurnJournal();
    const over = new AbortController();
    try {
      const addresses = await Promise.all([one.begin(), other.begin()]);
      await test({
        ...{ one, other, provider, journal, log },
        service: (choose) => ({ key: ADMIN_KEY, over: over.signal, address: (purpose) => choose(purpose, addresses) }),
      });
      expect(await breaches({ log, journal, calls: provider.calls })).toEqual([]);
    } catch (cause) {
      throw new Error(`${cause}; the servers said:\n${one.said}\n${other.said}`, { cause });
    } finally {
      over.abort();
      await Promise.all([one.destroy(), other.destroy()]);
      await provider.stop();
    }
  });
}

/** Everything is asked of the one, and followed on the other. */
const askedHereFollowedThere = ({ service }: Pair): Service =>
  service((purpose, [here, there]) => (purpose === 'command' ? here : there));

/** Its last words are already on their way to it when it wakes. */
async function wakeTooLate({ one }: Pair, hold: { letGo: () => void; over: Promise<void> }): Promise<void> {
  hold.letGo();
  one.signal('SIGCONT');
  await hold.over;
}

/** The other sleeps until the one has called the model: on a busy machine it might take the prompt itself. */
async function sentToTheOne({ other, provider }: Pair, client: TurnClient): Promise<string> {
  const calls = provider.calls.length;
  other.signal('SIGSTOP');
  try {
    const generation = await client.send();
    await until(() => provider.calls.length > calls);
    return generation;
  } finally {
    other.signal('SIGCONT');
  }
}

async function isRefused({ one }: Pair, generation: string): Promise<void> {
  await until(() => one.refused.some(({ stream }) => stream === `generation-${generation}`));
}

describe('two processes on one database', () => {
  it('answer everything once, and either of them serves every feed from any point', async () => {
    await withPair(false, async ({ service, journal }) => {
      let turns = 0;
      const alternating = service((_, addresses) => addresses[turns++ % 2]);
      await runLoad(alternating, journal);
      await askAllAgain(alternating, journal);
    });
  });

  it('show on the one what is answered by the other', async () => {
    await withPair(false, async (pair) => {
      const client = await TurnClient.start(askedHereFollowedThere(pair), pair.journal, 'crossing');
      await client.ended(await client.send());
      await client.leave();
    });
  });
});

describe.each([
  ['that believes in its work', true],
  ['that may notice', false],
])('a process %s, stopped for longer than its lease', (_, neverLetsGo) => {
  it('is refused when it wakes: the other has ended its answer and kept the text, or has asked again', async () => {
    await withPair(neverLetsGo, async (pair) => {
      const { one, provider, journal } = pair;
      const client = await TurnClient.start(askedHereFollowedThere(pair), journal, 'patient');

      const begun = provider.holdNext(3);
      const cut = await sentToTheOne(pair, client);
      await client.begun(cut);
      one.signal('SIGSTOP');
      expect(await client.ended(cut)).toMatchObject({ status: 'error', attempt: 1, error: { kind: 'interrupted' } });
      await wakeTooLate(pair, begun);
      if (neverLetsGo) await isRefused(pair, cut);

      const silent = provider.holdNext(0);
      const again = await sentToTheOne(pair, client);
      one.signal('SIGSTOP');
      expect(await client.ended(again)).toMatchObject({ status: 'final', attempt: 2 });
      await wakeTooLate(pair, silent);
      if (neverLetsGo) await isRefused(pair, again);

      expect(await client.ended(await client.send())).toMatchObject({ status: 'final', attempt: 1 });
      await client.leave();
    });
  });
});
