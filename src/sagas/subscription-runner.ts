import type { Position, RecordedEvent } from '../events/envelope.js';
import { limits } from '../limits.js';
import { type OwnerParts, SoleOwner } from '../ownership/sole-owner.js';
import type { Checkpoints } from '../ports/checkpoints.js';
import { RetryableError, TerminalError } from '../ports/errors.js';
import type { AllStreamsFilter, Backlog, EventLog } from '../ports/event-log.js';
import type { Lease } from '../ports/leases.js';
import { toldReason } from '../ports/told-reason.js';

export interface Subscription {
  /** Names the checkpoint and the lease: one owner at a time has it, among all processes. */
  readonly name: string;
  readonly filter?: AllStreamsFilter;
  /** Awaited before the next event. It sees an event again after a crash or a lost lease, so twice must be once. */
  readonly handle: (event: RecordedEvent) => Promise<void>;
  /** What it makes of events does not depend on their order: what came together may be under way together. */
  readonly inAnyOrder?: true;
}

export interface RunnerParts extends OwnerParts {
  readonly log: EventLog;
  readonly checkpoints: Checkpoints;
  /** For operators: names and reasons, never a person's text. */
  readonly warn: (facts: object, message: string) => void;
}

/** Why a subscription stopped, and at which event. It goes on there when it is started again. */
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

class Poisoned extends TerminalError {
  constructor({ id, stream, revision, type }: RecordedEvent, cause: unknown) {
    super(toldReason(cause), { cause });
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
  private saved: Position | undefined;
  private stopping = new AbortController();
  private work: Promise<void> | undefined;

  constructor(
    private readonly subscription: Subscription,
    private readonly parts: RunnerParts,
  ) {}

  get state(): RunnerState {
    return this.current;
  }

  /** Also after poison, at the event where it stopped; and while it is being stopped, once it has. */
  start(): void {
    const works = this.work !== undefined && !this.stopping.signal.aborted && this.current.is !== 'poisoned';
    if (works) return;
    const before = this.work ?? Promise.resolve();
    this.stopping = new AbortController();
    this.current = { is: 'waiting' };
    const { signal } = this.stopping;
    this.work = before.then(() => this.run(signal));
  }

  /** Waits for the handler that is under way, writes the checkpoint and frees the lease. */
  async stop(): Promise<void> {
    const { work } = this;
    this.stopping.abort();
    await work;
    if (this.work !== work) return;
    this.work = undefined;
    if (this.current.is !== 'poisoned') this.current = { is: 'stopped' };
  }

  /** How far this process, as the owner, is behind the log; nothing when it is not the owner. */
  async backlog(): Promise<Backlog | undefined> {
    if (this.position === undefined) return undefined;
    return this.parts.log.backlog(this.position, limits.backlogCountMax, this.subscription.filter);
  }

  private async run(stop: AbortSignal): Promise<void> {
    const owner = new SoleOwner(
      {
        name: this.subscription.name,
        own: (lease, over) => this.own(lease, over),
        // What came before it fell silent would else be handled again after a crash, however long ago that was.
        onRenewed: (lease) => this.save(lease),
        onWaiting: () => {
          this.current = { is: 'waiting' };
        },
      },
      this.parts,
    );
    try {
      await owner.run(stop);
    } catch (error) {
      this.becomePoisoned(error);
    }
  }

  /** Nothing goes on by itself from here, so somebody has to hear of it. */
  private becomePoisoned(error: unknown): void {
    const poison = poisonOf(error);
    this.current = { is: 'poisoned', poison };
    const cause = error instanceof Poisoned ? error.cause : error;
    const facts = { subscription: this.subscription.name, ...poison, err: cause };
    this.parts.warn(facts, 'a subscription has stopped, and handles nothing more until it is started again');
  }

  private async own(lease: Lease, over: AbortSignal): Promise<void> {
    try {
      await this.follow(lease, over);
    } finally {
      this.position = undefined;
    }
  }

  private async follow(lease: Lease, over: AbortSignal): Promise<void> {
    const { log, checkpoints, clock } = this.parts;
    const { name, filter } = this.subscription;
    this.position = this.saved = await checkpoints.open(name, lease.epoch);
    if (this.position === undefined) return;
    this.current = { is: 'running', live: false, epoch: lease.epoch };
    let savedAt = clock.monotonic();
    try {
      for await (const page of log.subscribe(this.position, over, filter)) {
        if (await this.handleAll(page.events, lease, over)) this.position = page.position;
        if (clock.monotonic() - savedAt >= limits.checkpointMs) {
          if (!(await this.save(lease))) return;
          savedAt = clock.monotonic();
        }
        this.current = { is: 'running', live: page.live, epoch: lease.epoch };
      }
    } finally {
      // However it ends, what was handled need not be seen again.
      await this.save(lease);
    }
  }

  /** False when it ended before the last event was handled. */
  private async handleAll(events: readonly RecordedEvent[], lease: Lease, over: AbortSignal): Promise<boolean> {
    const { checkpointEveryEvents } = limits;
    const together = this.subscription.inAnyOrder ? checkpointEveryEvents : 1;
    for (let from = 0; from < events.length; from += together) {
      const group = events.slice(from, from + together);
      if (!(await this.handleGroup(group, lease, over))) return false;
      this.position = group.at(-1)?.position;
      const isDue = (from + group.length) % checkpointEveryEvents === 0;
      if (isDue && !(await this.save(lease))) return false;
    }
    return true;
  }

  /** Nothing of it is under way any more when it has ended, however it ends. */
  private async handleGroup(group: readonly RecordedEvent[], lease: Lease, over: AbortSignal): Promise<boolean> {
    const endings = await Promise.allSettled(group.map((event) => this.handle(event, lease, over)));
    const failed = endings.find((ending) => ending.status === 'rejected');
    if (failed) throw failed.reason;
    return endings.every((ending) => ending.status === 'fulfilled' && ending.value);
  }

  /** False when it was over before the event was handled. */
  private async handle(event: RecordedEvent, lease: Lease, over: AbortSignal): Promise<boolean> {
    const { first, most } = limits.handlerBackoffMs;
    let failures = 0;
    for (let pauseMs: number = first; !over.aborted; pauseMs = Math.min(most, pauseMs * 2)) {
      try {
        await this.subscription.handle(event);
        return true;
      } catch (error) {
        // An outage says nothing about the event; anything else, often enough, does.
        const outage = error instanceof RetryableError;
        if (!outage) failures += 1;
        if (error instanceof TerminalError || failures >= limits.handlerAttemptsMax) throw new Poisoned(event, error);
        this.current = { is: 'running', live: false, epoch: lease.epoch, retrying: toldReason(error) };
        await this.parts.clock.sleep((outage ? error.retryAfterMs : undefined) ?? pauseMs, over);
      }
    }
    return false;
  }

  /** False when a later owner has announced itself, or the log went back: then its store may have gone back with it. */
  private async save(lease: Lease): Promise<boolean> {
    if (this.position === undefined || this.position === this.saved) return true;
    if (this.parts.log.continuity.isBroken) return false;
    const kept = await this.parts.checkpoints.save(this.subscription.name, lease.epoch, this.position);
    if (kept) this.saved = this.position;
    return kept;
  }
}

function poisonOf(error: unknown): Poison {
  if (error instanceof Poisoned) return { reason: error.message, event: error.event };
  return { reason: toldReason(error) };
}
