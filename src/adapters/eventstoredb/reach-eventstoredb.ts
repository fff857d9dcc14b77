import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '../../background/deadline.js';
import { limits } from '../../limits.js';
import { LogUnavailable } from '../../ports/errors.js';
import { type Meter, noMeter } from '../../ports/meter.js';
import { certificateProblem } from './certificate-problem.js';
import { EventStoreDbEventLog } from './eventstoredb-event-log.js';
import type { Kind } from './outage.js';
import { type ServerAddress, serverAddress } from './server-address.js';

export interface ReachedEventStoreDb {
  readonly log: EventStoreDbEventLog;
  /** For messages, without a secret. */
  readonly description: string;
}

export interface ReachOptions {
  readonly meter?: Meter;
  /** Reports to operators that a start waits. */
  readonly onNotice?: (text: string) => void;
}

/** The reason why the servers cannot be used, for the operator who wrote the address. */
interface UnservedReason {
  readonly kind: Kind | 'late' | 'other';
  readonly reason: string;
}

/** The messages for kinds of errors. The server's messages may quote refused data, so they are not shown. */
const REASONS: Partial<Record<Kind, string>> = {
  unavailable: 'no EventStoreDB answers there (with or without TLS, as the URL says)',
  'access-denied': 'it refuses this user or this password',
  'not-leader': 'it is not the leader, and the leader that it names cannot be reached',
  'no-connection': 'no node of the cluster was found',
  'no-leader': 'the nodes of the cluster know no leader',
};

/** They pass when a cluster has elected a leader. From a single server, only the first means that it is in a cluster. */
const WHILE_ELECTING: readonly UnservedReason['kind'][] = [
  'not-leader',
  'no-leader',
  'unavailable',
  'no-answer',
  'late',
];

/** Errors of a node of a cluster. They prove that the address is right, so an outage of all nodes may pass. */
const ANSWERED: readonly UnservedReason['kind'][] = ['not-leader', 'no-leader'];

/** They last until an operator changes something. Any other failure may pass. */
const LASTING: readonly UnservedReason['kind'][] = ['access-denied', 'other'];

/**
 * Checks that the servers of a URL accept a connection, and opens the log. Waits for a cluster that elects its leader.
 * Messages show only the hosts of the URL. Writes nothing, because the URL may name the wrong log.
 */
export async function reachEventStoreDb(
  url: string,
  { meter = noMeter, onNotice = () => {} }: ReachOptions = {},
): Promise<ReachedEventStoreDb> {
  const address = addressIn(url);
  const description = `EventStoreDB at ${address.description}`;
  const log = new EventStoreDbEventLog(address, meter);
  const waiting = new LeaderWait((reason) => onNotice(`Waiting for a leader of ${description}: ${reason}`));
  let hasAnswered = false;
  for (;;) {
    const refusal = await within(
      limits.logReachMs,
      refusalOf(() => log.knownIdentity()),
      LATE,
    );
    if (refusal === undefined) return { log, description };
    hasAnswered ||= ANSWERED.includes(refusal.kind);
    const mayPass = address.isCluster
      ? WHILE_ELECTING.includes(refusal.kind) || (hasAnswered && refusal.kind === 'no-connection')
      : refusal.kind === 'not-leader';
    const problem = await problemOfCertificate(address, refusal);
    if (problem === undefined && mayPass && (await waiting.goesOn(refusal.reason))) continue;
    await log.close();
    const isLasting = problem !== undefined || LASTING.includes(refusal.kind);
    const message = `EVENT_LOG_URL: cannot reach ${description}: ${problem ?? refusal.reason}`;
    throw isLasting ? new Error(message) : new LogUnavailable(message);
  }
}

/** The pause between two tries of a start. */
class LeaderWait {
  private readonly giveUpAt = performance.now() + limits.leaderWaitMs;
  private noticeAt = 0;

  constructor(private readonly say: (reason: string) => void) {}

  /** False if the time is over. */
  async goesOn(reason: string): Promise<boolean> {
    if (performance.now() >= this.giveUpAt) return false;
    if (performance.now() >= this.noticeAt) {
      this.noticeAt = performance.now() + limits.leaderWaitNoticeMs;
      this.say(`${reason}; for up to ${Math.ceil((this.giveUpAt - performance.now()) / 1_000)} s more`);
    }
    await sleep(limits.leaderSearchPauseMs);
    return true;
  }
}

/** The client has one error for an untrusted certificate and for a server that is away. */
async function problemOfCertificate(address: ServerAddress, { kind }: UnservedReason): Promise<string | undefined> {
  return kind === 'unavailable' || kind === 'no-connection' ? certificateProblem(address) : undefined;
}

function addressIn(url: string): ServerAddress {
  try {
    return serverAddress(url);
  } catch (error) {
    throw new Error(`EVENT_LOG_URL: ${(error as Error).message}`);
  }
}

const LATE: UnservedReason = { kind: 'late', reason: `no answer within ${limits.logReachMs / 1_000} s` };

/** The reason why it cannot be used. Undefined if it can. */
async function refusalOf(attempt: () => Promise<unknown>, triesLeft = 2): Promise<UnservedReason | undefined> {
  try {
    await attempt();
    return undefined;
  } catch (error) {
    const kind = error instanceof LogUnavailable && (error.cause as Kind | undefined);
    // The second try goes to the leader that the error of the first one named.
    if (kind === 'not-leader' && triesLeft > 0) return refusalOf(attempt, triesLeft - 1);
    if (!kind) return { kind: 'other', reason: (error as Error).message };
    return { kind, reason: REASONS[kind] ?? `it does not serve (${kind})` };
  }
}
