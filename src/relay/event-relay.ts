import type { Position } from '../events/envelope.js';
import { limits } from '../limits.js';
import { type OwnerParts, SoleOwner } from '../ownership/sole-owner.js';
import type { Checkpoints } from '../ports/checkpoints.js';
import { RetryableError } from '../ports/errors.js';
import type { Backlog, EventLog } from '../ports/event-log.js';
import type { Lease } from '../ports/leases.js';
import type { Meter } from '../ports/meter.js';
import { DeniedByDestination, type RelayConnection, type RelayDestination } from '../ports/relay.js';
import { toldReason } from '../ports/told-reason.js';
import { gathered } from './gathered.js';
import { PageRelay } from './page-relay.js';
import { readAhead } from './read-ahead.js';

export interface RelayParts extends OwnerParts {
  readonly log: EventLog;
  /** Of the log. With another one the relay sends all events again, from the first. */
  readonly incarnation: string;
  readonly checkpoints: Checkpoints;
  readonly meter: Pick<Meter, 'eventsRelayed'>;
  /** For operators: names and reasons, never a person's text. */
  readonly warn: (facts: object, message: string) => void;
}

export type RelayState =
  /** Another process owns it, or the stores are away. */
  | { readonly is: 'waiting' }
  /** `trouble` is why it does not get on now. It tries again, for as long as it takes. */
  | { readonly is: 'relaying'; readonly trouble?: string }
  /** The destination refuses. Its operators can change that, and the relay asks again until they have. */
  | { readonly is: 'denied'; readonly reason: string }
  /** It cannot go on by itself, and has passed over nothing. */
  | { readonly is: 'refused'; readonly reason: string }
  | { readonly is: 'stopped' };

export const CHAT_STREAMS = { categories: ['conversation', 'generation'] };

/**
 * Gives every event of the chat streams to another system, at least once and in order, from one process at a time. A page
 * is read from the log, sent, and acknowledged as a whole before the checkpoint passes it; so an outage, however long,
 * leaves the events where they are.
 */
export class EventRelay {
  private current: RelayState = { is: 'stopped' };
  /** Up to here everything is acknowledged. Absent where another process is the owner. */
  private position: Position | undefined;
  private saved: Position | undefined;
  /** Reasons that were logged since it last sent: several brokers are tried in turn, and each may have its own. */
  private readonly troubles = new Set<string>();
  private stopping = new AbortController();
  private work: Promise<void> | undefined;

  /** Of the lease and of the checkpoint. */
  readonly name: string;

  constructor(
    private readonly destination: RelayDestination,
    private readonly parts: RelayParts,
  ) {
    this.name = `relay ${destination.name}`;
  }

  get state(): RelayState {
    return this.current;
  }

  start(): void {
    this.stopping = new AbortController();
    this.current = { is: 'waiting' };
    this.work = this.run(this.stopping.signal);
  }

  /** What is under way is acknowledged or given up; the next owner sends it again. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.work;
    if (this.current.is !== 'refused') this.current = { is: 'stopped' };
  }

  /** How much of the log has yet to go out; nothing when another process owns the relay. */
  async backlog(countMax: number): Promise<Backlog | undefined> {
    if (this.position === undefined) return undefined;
    return this.parts.log.backlog(this.position, countMax, CHAT_STREAMS);
  }

  private async run(stop: AbortSignal): Promise<void> {
    const owner = new SoleOwner(
      {
        name: this.name,
        own: (lease, over) => this.own(lease, over),
        onRenewed: (lease) => this.save(lease),
        onWaiting: () => {
          this.position = undefined;
          this.current = { is: 'waiting' };
        },
      },
      this.parts,
    );
    try {
      await owner.run(stop);
    } catch (error) {
      // The position stays known: that the events wait has to be seen.
      this.current = { is: 'refused', reason: toldReason(error) };
      this.parts.warn({ reason: toldReason(error), err: error }, 'the relay has stopped, and passes over nothing');
    }
  }

  private async own(lease: Lease, over: AbortSignal): Promise<void> {
    this.position = this.saved = await this.parts.checkpoints.open(this.name, lease.epoch);
    if (this.position === undefined) return;
    this.current = { is: 'relaying' };
    try {
      await this.keepConnected(lease, over);
    } finally {
      // However it ends, what was acknowledged need not go out again.
      await this.save(lease);
    }
  }

  private async keepConnected(lease: Lease, over: AbortSignal): Promise<void> {
    const { log, incarnation, meter } = this.parts;
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
    const reason = toldReason(error);
    const denied = error instanceof DeniedByDestination;
    this.current = denied ? { is: 'denied', reason } : { is: 'relaying', trouble: reason };
    if (this.troubles.has(reason)) return;
    this.troubles.add(reason);
    const message = denied ? 'the destination of the relay refuses' : 'the relay cannot send';
    this.parts.warn({ reason }, `${message}; it tries again until it can`);
  }

  private getOn(): void {
    this.current = { is: 'relaying' };
    if (this.troubles.size === 0) return;
    this.troubles.clear();
    this.parts.warn({}, 'the relay sends again');
  }

  private async connected(pages: PageRelay, lease: Lease, over: AbortSignal): Promise<void> {
    const connection = await this.destination.connect(over);
    try {
      await this.follow(connection, pages, lease, over);
    } finally {
      await connection.close();
    }
  }

  /** Until it is over, or a later owner has announced itself. */
  private async follow(connection: RelayConnection, pages: PageRelay, lease: Lease, over: AbortSignal): Promise<void> {
    const { log, clock } = this.parts;
    const from = this.position as Position;
    const subscribe = (left: AbortSignal) => gathered(log.subscribe(from, left, CHAT_STREAMS));
    let savedAt = clock.monotonic();
    for await (const page of readAhead(subscribe, over)) {
      await pages.send(page.events, connection, over);
      this.position = page.position;
      this.getOn();
      if (clock.monotonic() - savedAt < limits.checkpointMs) continue;
      if (!(await this.save(lease))) return;
      savedAt = clock.monotonic();
    }
  }

  /** False when a later owner has announced itself, or the log went back: then its store may have gone back with it. */
  private async save(lease: Lease): Promise<boolean> {
    const { position } = this;
    if (position === undefined || position === this.saved) return true;
    if (this.parts.log.continuity.isBroken) return false;
    const kept = await this.parts.checkpoints.save(this.name, lease.epoch, position);
    if (kept) this.saved = position;
    return kept;
  }
}

/** Twice as long after each failure in a row. */
function pauseMs(error: RetryableError, failures: number): number {
  const { first, most } = error instanceof DeniedByDestination ? limits.relayDeniedBackoffMs : limits.relayBackoffMs;
  return Math.min(most, first * 2 ** (failures - 1));
}
