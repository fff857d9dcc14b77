import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../../limits.js';
import { LogUnavailable } from '../../ports/errors.js';
import { type Meter, noMeter } from '../../ports/meter.js';
import { EventStoreDbEventLog } from './eventstoredb-event-log.js';
import type { Kind } from './outage.js';
import { serverAddress } from './server-address.js';

export interface ReachedEventStoreDb {
  readonly log: EventStoreDbEventLog;
  /** For people, and without a secret. */
  readonly description: string;
}

/** What an error means to whoever has written the address. The server's own words are not told: they may quote. */
const REASONS: Partial<Record<Kind, string>> = {
  unavailable: 'nobody answers there in the way of EventStoreDB (with tls or without it, as the URL says)',
  'access-denied': 'it refuses this user or this password',
  'not-leader': 'it is not the leader, and the leader that it names cannot be reached',
  'no-connection': 'no node of the cluster was found',
};

/**
 * Finds out whether the servers that a URL names let us in, and opens the log there. Of the URL only the hosts are told.
 * Nothing is written: it may be another log than the one that was meant.
 */
export async function reachEventStoreDb(url: string, meter: Meter = noMeter): Promise<ReachedEventStoreDb> {
  const address = addressIn(url);
  const log = new EventStoreDbEventLog(address, meter);
  const reason = await withinDeadline(() => log.knownIdentity());
  if (reason === undefined) return { log, description: `EventStoreDB at ${address.description}` };
  await log.close();
  throw new Error(`EVENT_LOG_URL: cannot reach EventStoreDB at ${address.description}: ${reason}`);
}

function addressIn(url: string) {
  try {
    return serverAddress(url);
  } catch (error) {
    throw new Error(`EVENT_LOG_URL: ${(error as Error).message}`);
  }
}

/** Why it does not serve; nothing when it does. */
async function withinDeadline(attempt: () => Promise<unknown>): Promise<string | undefined> {
  const over = new AbortController();
  const late = sleep(limits.logReachMs, undefined, { signal: over.signal }).then(
    () => `no answer within ${limits.logReachMs / 1_000} s`,
    () => undefined,
  );
  try {
    return await Promise.race([reasonAgainst(attempt), late]);
  } finally {
    over.abort();
  }
}

async function reasonAgainst(attempt: () => Promise<unknown>, triesLeft = 2): Promise<string | undefined> {
  try {
    await attempt();
    return undefined;
  } catch (error) {
    const kind = error instanceof LogUnavailable && (error.cause as Kind | undefined);
    // The second try goes to the leader that the first one was told.
    if (kind === 'not-leader' && triesLeft > 0) return reasonAgainst(attempt, triesLeft - 1);
    return (kind && (REASONS[kind] ?? `it does not serve (${kind})`)) || (error as Error).message;
  }
}
