import type { Position, RecordedEvent } from '../events/envelope.js';
import { limits } from '../limits.js';
import { CheckpointedFollower, type FollowerParts } from '../ownership/checkpointed-follower.js';
import { RetryableError, safeReason, TerminalError } from '../ports/errors.js';
import type { AllStreamsFilter, Backlog } from '../ports/event-log.js';
import type { Lease } from '../ports/leases.js';
import type { Poison } from '../ports/read-models/read-models.js';

export interface Subscription {
  /** The name of the checkpoint and of the lease. One process at a time owns the subscription. */
  readonly name: string;
  readonly filter?: AllStreamsFilter;
  /** Awaited before the next event. Must be idempotent: it gets an event again after a crash or a lost lease. */
  readonly handle: (event: RecordedEvent) => Promise<void>;
  /** The result does not depend on the order of events, so those of a page may be handled in parallel. */
  readonly inAnyOrder?: true;
}

export interface RunnerParts extends FollowerParts {
  /** Logs a line for operators: names and reasons, never texts of users. */
  readonly warn: (facts: object, message: string) => void;
}

export type RunnerState =
  /** Another process owns it, or the stores are unavailable. */
  | { readonly is: 'waiting' }
  | { readonly is: 'running'; readonly live: boolean; readonly epoch: number; readonly retrying?: string }
  /** After a restart the subscription retries the event of its poison. */
  | { readonly is: 'poisoned'; readonly poison: Poison }
  | { readonly is: 'stopped' };

class Poisoned extends TerminalError {
  constructor({ id, stream, revision, type }: RecordedEvent, cause: unknown) {
    super(safeReason(cause), { cause });
    this.event = { id, stream, revision, type };
  }
  readonly event: Poison['event'];
}

/** Delivers every event to a handler, at least once and in order, across crashes, restarts and several processes. */
export class SubscriptionRunner {
  private current: RunnerState = { is: 'stopped' };
  private readonly follower: CheckpointedFollower;

  constructor(
    private readonly subscription: Subscription,
    private readonly parts: RunnerParts,
  ) {
    const { name, filter } = subscription;
    this.follower = new CheckpointedFollower(
      {
        name,
        filter,
        follow: (from, lease, over) => this.follow(from, lease, over),
        onWaiting: () => {
          this.current = { is: 'waiting' };
        },
        onStopped: () => {
          this.current = { is: 'stopped' };
        },
        onFailed: (error) => this.becomePoisoned(error),
      },
      parts,
    );
  }

  get state(): RunnerState {
    return this.current;
  }

  /** May be called after poison, to retry the event, and while the runner stops, to start it again afterwards. */
  start(): void {
    this.follower.start();
  }

  stop(): Promise<void> {
    return this.follower.stop();
  }

  /** The lag behind the log, whichever process owns the subscription. */
  backlog(): Promise<Backlog> {
    return this.follower.backlog();
  }

  /** The subscription does not restart by itself, so this warns the operators. */
  private becomePoisoned(error: unknown): void {
    const poison = poisonOf(error);
    this.current = { is: 'poisoned', poison };
    const cause = error instanceof Poisoned ? error.cause : error;
    const facts = { subscription: this.subscription.name, ...poison, err: cause };
    this.parts.warn(facts, 'a subscription has stopped; it handles no events until it is restarted');
  }

  private async follow(from: Position, lease: Lease, over: AbortSignal): Promise<void> {
    this.current = { is: 'running', live: false, epoch: lease.epoch };
    for await (const page of this.parts.log.subscribe(from, over, this.subscription.filter)) {
      if (await this.handleAll(page.events, lease, over)) this.follower.finished(page.position);
      if (!(await this.follower.saveWhenDue(lease))) return;
      this.current = { is: 'running', live: page.live, epoch: lease.epoch };
    }
  }

  /** False if it ended before the last event was handled. */
  private async handleAll(events: readonly RecordedEvent[], lease: Lease, over: AbortSignal): Promise<boolean> {
    const { checkpointEveryEvents } = limits;
    const together = this.subscription.inAnyOrder ? checkpointEveryEvents : 1;
    for (let from = 0; from < events.length; from += together) {
      const group = events.slice(from, from + together);
      if (!(await this.handleGroup(group, lease, over))) return false;
      // Every event from a read of all streams has a position.
      this.follower.finished(group.at(-1)?.position as Position);
      const isDue = (from + group.length) % checkpointEveryEvents === 0;
      if (isDue && !(await this.follower.save(lease))) return false;
    }
    return true;
  }

  /** Settles after all its handlers have settled. */
  private async handleGroup(group: readonly RecordedEvent[], lease: Lease, over: AbortSignal): Promise<boolean> {
    const endings = await Promise.allSettled(group.map((event) => this.handle(event, lease, over)));
    const failed = endings.find((ending) => ending.status === 'rejected');
    if (failed) throw failed.reason;
    return endings.every((ending) => ending.status === 'fulfilled' && ending.value);
  }

  /** False if `over` was aborted before the event was handled. */
  private async handle(event: RecordedEvent, lease: Lease, over: AbortSignal): Promise<boolean> {
    const { first, most } = limits.handlerBackoffMs;
    let failures = 0;
    for (let pauseMs: number = first; !over.aborted; pauseMs = Math.min(most, pauseMs * 2)) {
      try {
        await this.subscription.handle(event);
        return true;
      } catch (error) {
        // An outage is retried without end. Any other error, often enough, is the fault of the event.
        const outage = error instanceof RetryableError;
        if (!outage) failures += 1;
        if (error instanceof TerminalError || failures >= limits.handlerAttemptsMax) throw new Poisoned(event, error);
        this.current = { is: 'running', live: false, epoch: lease.epoch, retrying: safeReason(error) };
        await this.parts.clock.sleep((outage ? error.retryAfterMs : undefined) ?? pauseMs, over);
      }
    }
    return false;
  }
}

function poisonOf(error: unknown): Poison {
  if (error instanceof Poisoned) return { reason: error.message, event: error.event };
  return { reason: safeReason(error) };
}
