import type { Position, RecordedEvent } from '../events/envelope.js';
import { limits } from '../limits.js';
import type { Checkpoints } from '../ports/checkpoints.js';
import type { Clock } from '../ports/clock.js';
import { RetryableError, TerminalError } from '../ports/errors.js';
import type { AllStreamsFilter, Backlog, EventLog } from '../ports/event-log.js';
import type { Lease, Leases } from '../ports/leases.js';

export interface Subscription {
  /** Names the checkpoint and the lease: one owner at a time has it, among all processes. */
  readonly name: string;
  readonly filter?: AllStreamsFilter;
  /** Awaited before the next event. It sees an event again after a crash or a lost lease, so twice must be once. */
  readonly handle: (event: RecordedEvent) => Promise<void>;
}

export interface RunnerParts {
  readonly log: EventLog;
  readonly checkpoints: Checkpoints;
  readonly leases: Leases;
  readonly clock: Clock;
  /** Who holds the lease: unique for each process. */
  readonly holder: string;
  readonly leaseMs: number;
}

/** Why a subscription stopped for good, and at which event. It goes on there when it is started again. */
export interface Poison {
  readonly reason: string;
  /** Absent when the trouble is not about an event. */
  readonly event?: Pick<RecordedEvent, 'id' | 'stream' | 'revision' | 'type'>;
}

export type RunnerState =
  /** Another process owns it, or the stores are away. */
  | { readonly is: 'waiting' }
  | { readonly is: 'running'; readonly live: boolean; readonly epoch: number; readonly retrying?: string }
  | { readonly is: 'poisoned'; readonly poison: Poison }
  | { readonly is: 'stopped' };

/** Renewed thrice in its time, so that one slow answer does not lose it. */
const RENEWALS_PER_LEASE = 3;

class Poisoned extends Error {
  constructor(
    { id, stream, revision, type }: RecordedEvent,
    readonly reason: string,
  ) {
    super(reason);
    this.event = { id, stream, revision, type };
  }
  readonly event: Poison['event'];
}

/**
 * Brings every event to a handler, at least once and in order, across crashes, restarts and several processes.
 * It owns a lease while it works; the checkpoint carries the lease's epoch, so an owner that slept past its time
 * finds its next checkpoint refused.
 */
export class SubscriptionRunner {
  private current: RunnerState = { is: 'stopped' };
  private position: Position | undefined;
  private stopping = new AbortController();
  private work: Promise<void> | undefined;

  constructor(
    private readonly subscription: Subscription,
    private readonly parts: RunnerParts,
  ) {}

  get state(): RunnerState {
    return this.current;
  }

  start(): void {
    if (this.work) return;
    this.stopping = new AbortController();
    this.current = { is: 'waiting' };
    this.work = this.run(this.stopping.signal);
  }

  /** Waits for the handler that is under way, writes the checkpoint and frees the lease. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.work;
    this.work = undefined;
    if (this.current.is !== 'poisoned') this.current = { is: 'stopped' };
  }

  /** How far this process, as the owner, is behind the log; nothing when it is not the owner. */
  async backlog(): Promise<Backlog | undefined> {
    if (this.position === undefined) return undefined;
    return this.parts.log.backlog(this.position, limits.backlogCountMax, this.subscription.filter);
  }

  private async run(stop: AbortSignal): Promise<void> {
    const { leases, clock, holder, leaseMs } = this.parts;
    while (!stop.aborted) {
      try {
        const lease = await leases.acquire(this.subscription.name, holder, leaseMs);
        if (lease) await this.own(lease, stop);
        this.current = { is: 'waiting' };
      } catch (error) {
        if (!(error instanceof RetryableError)) {
          this.current = { is: 'poisoned', poison: poisonOf(error) };
          return;
        }
        this.current = { is: 'waiting' };
      }
      await clock.sleep(leaseMs / RENEWALS_PER_LEASE, stop);
    }
  }

  private async own(lease: Lease, stop: AbortSignal): Promise<void> {
    const lost = new AbortController();
    const over = AbortSignal.any([stop, lost.signal]);
    const renewing = this.renew(lease, over).finally(() => lost.abort());
    try {
      await this.follow(lease, over);
    } finally {
      lost.abort();
      await renewing;
      this.position = undefined;
      await this.parts.leases.release(lease).catch(ifOutage);
    }
  }

  /** Ends when the lease is lost, or cannot be renewed in time: from then on another may own it. */
  private async renew(lease: Lease, over: AbortSignal): Promise<void> {
    const { leases, clock, leaseMs } = this.parts;
    let goodUntil = clock.now() + leaseMs;
    while (!over.aborted) {
      await clock.sleep(leaseMs / RENEWALS_PER_LEASE, over);
      if (over.aborted) return;
      const asked = clock.now();
      const renewed = await this.inTime(leases.renew(lease, leaseMs).catch(ifOutage), goodUntil - asked, over);
      if (renewed) goodUntil = asked + leaseMs;
      if (renewed === false || clock.now() >= goodUntil) return;
    }
  }

  /** An answer that does not come must not keep an owner past its time. */
  private async inTime<T>(answer: Promise<T>, milliseconds: number, over: AbortSignal): Promise<T | undefined> {
    const answered = new AbortController();
    const tooLate = this.parts.clock.sleep(milliseconds, AbortSignal.any([over, answered.signal]));
    try {
      return await Promise.race([answer, tooLate.then(() => undefined)]);
    } finally {
      answered.abort();
    }
  }

  private async follow(lease: Lease, over: AbortSignal): Promise<void> {
    const { log, checkpoints } = this.parts;
    const { name, filter } = this.subscription;
    this.position = await checkpoints.open(name, lease.epoch);
    if (this.position === undefined) return;
    this.current = { is: 'running', live: false, epoch: lease.epoch };
    for await (const page of log.subscribe(this.position, over, filter)) {
      let owned = true;
      try {
        await this.handleAll(page.events, lease, over);
        if (!over.aborted) this.position = page.position;
      } finally {
        // Also when it ends in the middle: what was handled need not be seen again.
        owned = await checkpoints.save(name, lease.epoch, this.position);
      }
      if (!owned) return;
      this.current = { is: 'running', live: page.live, epoch: lease.epoch };
    }
  }

  private async handleAll(events: readonly RecordedEvent[], lease: Lease, over: AbortSignal): Promise<void> {
    for (const [index, event] of events.entries()) {
      await this.handle(event, lease, over);
      if (over.aborted) return;
      this.position = event.position;
      const due = (index + 1) % limits.checkpointEveryEvents === 0;
      if (due) await this.parts.checkpoints.save(this.subscription.name, lease.epoch, this.position as Position);
    }
  }

  /** Returns when the event is handled, or when it is over. */
  private async handle(event: RecordedEvent, lease: Lease, over: AbortSignal): Promise<void> {
    const { first, most } = limits.handlerBackoffMs;
    let failures = 0;
    for (let pauseMs: number = first; !over.aborted; pauseMs = Math.min(most, pauseMs * 2)) {
      try {
        return await this.subscription.handle(event);
      } catch (error) {
        // An outage says nothing about the event; anything else, often enough, does.
        const outage = error instanceof RetryableError;
        if (!outage) failures += 1;
        const reason = error instanceof Error ? error.message : String(error);
        if (error instanceof TerminalError || failures >= limits.handlerAttemptsMax) throw new Poisoned(event, reason);
        this.current = { is: 'running', live: false, epoch: lease.epoch, retrying: reason };
        await this.parts.clock.sleep((outage ? error.retryAfterMs : undefined) ?? pauseMs, over);
      }
    }
  }
}

function poisonOf(error: unknown): Poison {
  if (error instanceof Poisoned) return { reason: error.reason, event: error.event };
  return { reason: error instanceof Error ? error.message : String(error) };
}

function ifOutage(error: unknown): undefined {
  if (!(error instanceof RetryableError)) throw error;
  return undefined;
}
