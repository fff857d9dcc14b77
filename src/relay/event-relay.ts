import type { Position } from '../events/envelope.js';
import { limits } from '../limits.js';
import { CheckpointedFollower, type FollowerParts } from '../ownership/checkpointed-follower.js';
import { RetryableError, safeReason } from '../ports/errors.js';
import type { Backlog } from '../ports/event-log.js';
import type { Lease } from '../ports/leases.js';
import type { Meter } from '../ports/meter.js';
import { DeniedByDestination, type RelayConnection, type RelayDestination } from '../ports/relay.js';
import { gathered } from './gathered.js';
import { PageRelay } from './page-relay.js';
import { readAhead } from './read-ahead.js';

export interface RelayParts extends FollowerParts {
  /** The incarnation of the log. After a new one the relay sends all events again, from the first. */
  readonly incarnation: string;
  readonly meter: Pick<Meter, 'eventsRelayed'>;
  /** Logs a line for operators: names and reasons, never texts of users. */
  readonly warn: (facts: object, message: string) => void;
}

export type RelayState =
  /** Another process owns the relay, or the stores are unavailable. */
  | { readonly is: 'waiting' }
  /** `trouble` is the reason of the last failure. The relay retries without end. */
  | { readonly is: 'relaying'; readonly trouble?: string }
  /** The brokers deny access. The relay retries until their operators allow it. */
  | { readonly is: 'denied'; readonly reason: string }
  /** The relay stays stopped until it is restarted. It has skipped no event. */
  | { readonly is: 'refused'; readonly reason: string }
  | { readonly is: 'stopped' };

export const CHAT_STREAMS = { categories: ['conversation', 'generation'] };

/**
 * Sends every event of the chat streams to another system, at least once and in order, from one process at a time. The
 * checkpoint moves after a whole page is sent and acknowledged, so no outage loses events.
 */
export class EventRelay {
  private current: RelayState = { is: 'stopped' };
  /** All events up to here are acknowledged. */
  private position: Position | undefined;
  /** Reasons that were logged since the last successful send: each broker may have its own. */
  private readonly troubles = new Set<string>();
  private readonly follower: CheckpointedFollower;

  /** The name of the lease and of the checkpoint. */
  readonly name: string;

  constructor(
    private readonly destination: RelayDestination,
    private readonly parts: RelayParts,
  ) {
    this.name = `relay ${destination.name}`;
    this.follower = new CheckpointedFollower(
      {
        name: this.name,
        filter: CHAT_STREAMS,
        follow: (from, lease, over) => this.keepConnected(from, lease, over),
        onWaiting: () => {
          this.current = { is: 'waiting' };
        },
        onStopped: () => {
          this.current = { is: 'stopped' };
        },
        onFailed: (error) => {
          this.current = { is: 'refused', reason: safeReason(error) };
          parts.warn({ reason: safeReason(error), err: error }, 'the relay has stopped; it has skipped no event');
        },
      },
      parts,
    );
  }

  get state(): RelayState {
    return this.current;
  }

  start(): void {
    this.follower.start();
  }

  /** Waits until open sends are acknowledged or given up. The next owner sends the latter again. */
  stop(): Promise<void> {
    return this.follower.stop();
  }

  /** The part of the log that is not sent yet. */
  backlog(): Promise<Backlog> {
    return this.follower.backlog();
  }

  private async keepConnected(from: Position, lease: Lease, over: AbortSignal): Promise<void> {
    const { log, incarnation, meter } = this.parts;
    this.position = from;
    this.current = { is: 'relaying' };
    let pages: PageRelay | undefined;
    let failures = 0;
    while (!over.aborted) {
      const before = this.position;
      try {
        pages ??= new PageRelay({ identity: await log.identity(), incarnation }, (events) =>
          meter.eventsRelayed(events),
        );
        await this.connected(pages, lease, over);
        return;
      } catch (error) {
        if (!(error instanceof RetryableError)) throw error;
        failures = this.position === before ? failures + 1 : 1;
        if (!over.aborted) this.meetTrouble(error);
        await this.parts.clock.sleep(pauseMs(error, failures), over);
      }
    }
  }

  private meetTrouble(error: RetryableError): void {
    const reason = safeReason(error);
    const denied = error instanceof DeniedByDestination;
    this.current = denied ? { is: 'denied', reason } : { is: 'relaying', trouble: reason };
    if (this.troubles.has(reason)) return;
    this.troubles.add(reason);
    const message = denied ? 'the destination of the relay refuses' : 'the relay cannot send';
    this.parts.warn({ reason }, `${message}; the relay retries until it succeeds`);
  }

  private getOn(): void {
    this.current = { is: 'relaying' };
    if (this.troubles.size === 0) return;
    this.troubles.clear();
    this.parts.warn({}, 'the relay has resumed');
  }

  private async connected(pages: PageRelay, lease: Lease, over: AbortSignal): Promise<void> {
    const connection = await this.destination.connect(over);
    try {
      await this.follow(connection, pages, lease, over);
    } finally {
      await connection.close();
    }
  }

  /** Resolves when `over` is aborted or a later owner has announced itself. */
  private async follow(connection: RelayConnection, pages: PageRelay, lease: Lease, over: AbortSignal): Promise<void> {
    const { log } = this.parts;
    const from = this.position as Position;
    const subscribe = (left: AbortSignal) => gathered(log.subscribe(from, left, CHAT_STREAMS));
    for await (const page of readAhead(subscribe, over)) {
      await pages.send(page.events, connection, over);
      this.position = page.position;
      this.follower.finished(page.position);
      this.getOn();
      if (!(await this.follower.saveWhenDue(lease))) return;
    }
  }
}

/** Doubles with each failure in a row. */
function pauseMs(error: RetryableError, failures: number): number {
  const { first, most } = error instanceof DeniedByDestination ? limits.relayDeniedBackoffMs : limits.relayBackoffMs;
  return Math.min(most, first * 2 ** (failures - 1));
}
