import { expect } from '@jest/globals';
import type { Position } from '../../src/events/envelope.js';
import type { EventLog } from '../../src/ports/event-log.js';
import { ADMIN_KEY, type ServerProcess } from './failpoint-process.js';
import type { Death, Failpoint, Hit } from './failpoints.js';
import { breachesOf } from './invariants/check.js';
import { type Evidence, gather, ofType, type ReceivedCall } from './invariants/evidence.js';
import { rebuildDifferences } from './rebuilt.js';
import { askAllAgain } from './turn-client.js';
import type { TurnGround } from './turn-ground.js';
import { TurnJournal } from './turn-journal.js';
import { runLoad } from './turn-load.js';
import { startTurnProvider } from './turn-provider.js';

interface Survived {
  readonly hits: readonly Hit[];
  readonly journal: TurnJournal;
  readonly calls: readonly ReceivedCall[];
}

/**
 * One load through one server after the other: each dies its death in the middle of what the one before has left, and
 * the last one finishes everything.
 */
export async function crashThrough(
  ground: TurnGround,
  deaths: readonly Death[],
  settings: Record<string, string>,
  head?: () => Promise<Position>,
): Promise<Survived> {
  const provider = await startTurnProvider(head);
  const environment = { ...settings, OPENAI_BASE_URL: provider.baseUrl };
  const journal = new TurnJournal();
  const over = new AbortController();
  let address: string | undefined;
  const service = { key: ADMIN_KEY, over: over.signal, address: () => address };
  // The next one is loaded while the one before it serves.
  const serverOf = (dieAt: Death | undefined) => ground.server({ environment, ...(dieAt && { dieAt }) });
  let server = serverOf(deaths[0]);
  let next: ServerProcess | undefined;
  const hits: Hit[] = [];
  const load = runLoad(service, journal);
  try {
    for (const [nth, { failpoint }] of deaths.entries()) {
      next = serverOf(deaths[nth + 1]);
      address = await server.begin();
      const end = await Promise.race([server.ended, load.then(() => 'the load was over before')]);
      address = undefined;
      expect([server.hit?.failpoint, end]).toEqual([failpoint, 'SIGKILL']);
      if (server.hit) hits.push(server.hit);
      server = next;
    }
    address = await server.begin();
    await load;
    await askAllAgain(service, journal);
    return { hits, journal, calls: provider.calls };
  } catch (cause) {
    throw new Error(`${cause}; the server said:\n${server.said}`, { cause });
  } finally {
    over.abort();
    await Promise.all([server.destroy(), next?.destroy(), load.catch(() => {})]);
    await provider.stop();
  }
}

/** In these deaths an attempt was open, which no worker can complete afterwards. */
const inAnAttempt: readonly Failpoint[] = ['after-claim', 'mid-stream', 'before-seal'];

/** Deaths that did not fall where they should: the tape has no attempt that ended without being completed. */
function withoutTrace(hits: readonly Hit[], { tapes }: Evidence): Hit[] {
  return hits.filter(({ failpoint, stream }) => {
    if (!inAnAttempt.includes(failpoint)) return false;
    const tape = tapes.get(stream?.replace('generation-', '') ?? '') ?? [];
    return ofType(tape, 'AttemptEnded').every(({ data }) => data.outcome === 'completed');
  });
}

/** All that is known of it is held against the log. */
export async function hold(log: EventLog, { hits, journal, calls }: Survived): Promise<void> {
  const evidence = await gather({ log, journal, calls });
  expect(breachesOf(evidence)).toEqual([]);
  expect(withoutTrace(hits, evidence)).toEqual([]);
}

/** These deaths on one log and one database, those of the test's ground. */
export async function keepsEveryPromise(ground: TurnGround, deaths: readonly Death[]): Promise<void> {
  await ground.withStores(async ({ environment, log, connection }) => {
    await hold(log, await crashThrough(ground, deaths, environment, () => log.head()));
    expect(await rebuildDifferences(connection, log)).toEqual([]);
  });
}

export const threeTimes = (failpoint: Failpoint): Death[] => [1, 2, 3].map((hit) => ({ failpoint, hit }));

/** Four starts, and all turns of a load: on a busy machine that is more than a test usually may take. */
export const THREE_DEATHS_MS = 180_000;
