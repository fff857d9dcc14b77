import { expect } from '@jest/globals';
import type { TypedEvent } from '../../src/events/codec.js';
import type { Position } from '../../src/events/envelope.js';
import type { EventLog } from '../../src/ports/event-log.js';
import { ADMIN_KEY, type ServerProcess } from './failpoint-process.js';
import type { Failpoint } from './failpoints.js';
import { breachesOf } from './invariants/check.js';
import { gather, ofType, type ReceivedCall } from './invariants/evidence.js';
import { rebuildDifferences } from './rebuilt.js';
import { askAllAgain } from './turn-client.js';
import type { TurnGround } from './turn-ground.js';
import { TurnJournal } from './turn-journal.js';
import { runLoad } from './turn-load.js';
import { startTurnProvider } from './turn-provider.js';

interface Survived {
  readonly journal: TurnJournal;
  readonly calls: readonly ReceivedCall[];
}

/**
 * One load through one server after the other: the first dies at its first hit of the failpoint, the second at its
 * second, and so on, in the middle of what the one before has left; the last one finishes everything.
 */
export async function crashThrough(
  ground: TurnGround,
  failpoint: Failpoint,
  hits: readonly number[],
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
  let server = ground.server({ environment, dieAt: { failpoint, hit: hits[0] ?? 1 } });
  let next: ServerProcess | undefined;
  const load = runLoad(service, journal);
  try {
    for (const [nth] of hits.entries()) {
      const hit = hits[nth + 1];
      next = ground.server({ environment, ...(hit !== undefined && { dieAt: { failpoint, hit } }) });
      address = await server.begin();
      const end = await Promise.race([server.ended, load.then(() => 'the load was over before')]);
      address = undefined;
      expect([server.hit, end]).toEqual([failpoint, 'SIGKILL']);
      server = next;
    }
    address = await server.begin();
    await load;
    await askAllAgain(service, journal);
    return { journal, calls: provider.calls };
  } catch (cause) {
    throw new Error(`${cause}; the server said:\n${server.said}`, { cause });
  } finally {
    over.abort();
    await Promise.all([server.destroy(), next?.destroy(), load.catch(() => {})]);
    await provider.stop();
  }
}

/** What a death there leaves behind that nothing else does: without it the crash did not fall where it should. */
const traces: Partial<Record<Failpoint, (events: readonly TypedEvent[]) => boolean>> = {
  'after-claim': (events) => ofType(events, 'GenerationClaimed').some(({ data }) => data.attempt === 2),
  'mid-stream': hasPartialAnswer,
  'before-seal': hasPartialAnswer,
};

function hasPartialAnswer(events: readonly TypedEvent[]): boolean {
  const ends = ofType(events, 'GenerationFinalized');
  return ends.some(({ data: { error, text } }) => error?.kind === 'interrupted' && text !== '');
}

/** All that is known of it is held against the log. */
export async function hold(failpoint: Failpoint, log: EventLog, { journal, calls }: Survived): Promise<void> {
  const evidence = await gather({ log, journal, calls });
  expect(breachesOf(evidence)).toEqual([]);
  expect(traces[failpoint]?.(evidence.events)).not.toBe(false);
}

/** Three deaths on one database, that of the test's ground. */
export async function keepsEveryPromise(ground: TurnGround, failpoint: Failpoint): Promise<void> {
  await ground.withDatabase(async (url, log, connection) => {
    const survived = await crashThrough(ground, failpoint, [1, 2, 3], { DATABASE_URL: url }, () => log.head());
    await hold(failpoint, log, survived);
    expect(await rebuildDifferences(connection, log)).toEqual([]);
  });
}
