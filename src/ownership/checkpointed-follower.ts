import type { Position } from '../events/envelope.js';
import { limits } from '../limits.js';
import type { Checkpoints } from '../ports/checkpoints.js';
import type { AllStreamsFilter, Backlog, EventLog } from '../ports/event-log.js';
import type { Lease } from '../ports/leases.js';
import { type OwnerParts, SoleOwner } from './sole-owner.js';

export interface FollowerParts extends OwnerParts {
  readonly log: EventLog;
  readonly checkpoints: Checkpoints;
}

/** The work of one owner at a time with the events of the log. */
export interface Following {
  /** Of the lease and of the checkpoint. */
  readonly name: string;
  readonly filter?: AllStreamsFilter | undefined;
  /** Reads from the position until `over`, reports finished positions, and ends if a save returns false. */
  readonly follow: (from: Position, lease: Lease, over: AbortSignal) => Promise<void>;
  /** Another process owns it, or the stores are away. */
  readonly onWaiting: () => void;
  readonly onStopped: () => void;
  /** It does not go on by itself. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * Follows the log from a checkpoint, as its only owner among all processes. The checkpoint carries the epoch of the owner's
 * lease, so an owner that slept past its time finds its next checkpoint refused.
 */
export class CheckpointedFollower {
  /** Up to here everything is finished. Absent where another process is the owner. */
  private position: Position | undefined;
  private saved: Position | undefined;
  private savedAtMs = 0;
  private stopping = new AbortController();
  private work: Promise<void> | undefined;
  private hasFailed = false;

  constructor(
    private readonly following: Following,
    private readonly parts: FollowerParts,
  ) {}

  /** May be called after a failure, to retry the event, and while it stops, to start again afterwards. */
  start(): void {
    if (this.work !== undefined && !this.stopping.signal.aborted && !this.hasFailed) return;
    const before = this.work ?? Promise.resolve();
    this.stopping = new AbortController();
    this.hasFailed = false;
    this.following.onWaiting();
    const { signal } = this.stopping;
    this.work = before.then(() => this.run(signal));
  }

  /** Waits for open work, writes the checkpoint and releases the lease. */
  async stop(): Promise<void> {
    const { work } = this;
    this.stopping.abort();
    await work;
    if (this.work !== work) return;
    this.work = undefined;
    if (!this.hasFailed) this.following.onStopped();
  }

  /** Everything up to here is finished, and need not be seen again. */
  finished(position: Position): void {
    this.position = position;
  }

  /** How far it is behind the log. The owner knows exactly; any other process reads the checkpoint. */
  async backlog(): Promise<Backlog> {
    const { name, filter } = this.following;
    if (this.position === undefined) return savedBacklog(this.parts, name, filter);
    return this.parts.log.backlog(this.position, limits.backlogCountMax, filter);
  }

  /** False when this is not the owner any more. */
  async saveWhenDue(lease: Lease): Promise<boolean> {
    return this.parts.clock.monotonic() - this.savedAtMs < limits.checkpointMs || this.save(lease);
  }

  /** False when a later owner has announced itself, or the log went back: then its store may have gone back with it. */
  async save(lease: Lease): Promise<boolean> {
    const { log, checkpoints, clock } = this.parts;
    const { position } = this;
    this.savedAtMs = clock.monotonic();
    if (position === undefined || position === this.saved) return true;
    if (log.continuity.isBroken) return false;
    const isKept = await checkpoints.save(this.following.name, lease.epoch, position);
    if (isKept) this.saved = position;
    return isKept;
  }

  private async run(stop: AbortSignal): Promise<void> {
    const { name, onWaiting, onFailed } = this.following;
    const owner = new SoleOwner(
      {
        name,
        own: (lease, over) =>
          this.own(lease, over).finally(() => {
            this.position = undefined;
          }),
        // Without this, a crash would repeat the last events before the log became idle, however old they are.
        onRenewed: (lease) => this.save(lease),
        onWaiting,
      },
      this.parts,
    );
    try {
      await owner.run(stop);
    } catch (error) {
      this.hasFailed = true;
      onFailed(error);
    }
  }

  private async own(lease: Lease, over: AbortSignal): Promise<void> {
    const { checkpoints, clock } = this.parts;
    const from = await checkpoints.open(this.following.name, lease.epoch);
    if (from === undefined) return;
    this.position = this.saved = from;
    this.savedAtMs = clock.monotonic();
    try {
      await this.following.follow(from, lease, over);
    } finally {
      // Save at every end, so that finished events are not repeated.
      await this.save(lease);
    }
  }
}

/**
 * How far a reader is behind its last saved checkpoint. Every process can compute it, so it is known also while no process
 * owns the reader. An owner saves about once a second, or when it renews its lease, so this may be some seconds more than what
 * the owner itself reports.
 */
export async function savedBacklog(
  { log, checkpoints }: { readonly log: EventLog; readonly checkpoints: Checkpoints },
  name: string,
  filter?: AllStreamsFilter,
): Promise<Backlog> {
  return log.backlog(await checkpoints.read(name), limits.backlogCountMax, filter);
}
