import { type Position, type RecordedEvent, START } from '../events/envelope.js';
import type { SigningKeys } from '../formats/record-1/signing-keys.js';
import { limits } from '../limits.js';
import { CheckpointedFollower, type FollowerParts } from '../ownership/checkpointed-follower.js';
import type { Checkpoints } from '../ports/checkpoints.js';
import type { Clock } from '../ports/clock.js';
import { RetryableError, safeReason } from '../ports/errors.js';
import type { Backlog, LackedEvent } from '../ports/event-log.js';
import type { Lease } from '../ports/leases.js';
import type { Meter } from '../ports/meter.js';
import { NOTARY, type RecordStep, type RecordStore, type WrittenStep } from '../ports/record.js';
import { recordLimits } from '../record-limits.js';
import { acrossGaps, type PageBehindGap } from './across-gaps.js';
import { OpenTapes } from './open-tapes.js';
import { type RecordedPart, recordStep } from './record-step.js';
import { compareAtStart } from './start-comparison.js';
import { type SigningParts, TreeSigner } from './tree-signer.js';

export interface NotaryParts extends FollowerParts, Pick<SigningParts, 'kept' | 'incarnation' | 'warn'> {
  readonly store: RecordStore;
  /** Read by each owner anew, because another process may have replaced the key. */
  readonly keys: () => Promise<SigningKeys>;
  readonly meter: Pick<Meter, 'entriesRecorded'>;
}

export type NotaryState =
  /** Another process owns the record, or the stores are unavailable. */
  | { readonly is: 'waiting' }
  | { readonly is: 'recording' }
  /** A step fails for a reason that is no outage. This process retries it, and records nothing meanwhile. */
  | { readonly is: 'failing'; readonly reason: string }
  /** It stays stopped until it is restarted. It has skipped no event. */
  | { readonly is: 'failed'; readonly reason: string }
  | { readonly is: 'stopped' };

/**
 * Makes the entries of all events, and signs the trees. It works behind the log, in one process at a time, so no turn waits for
 * it. A step writes its entries together with the checkpoint, so none is written twice or left out.
 */
export class Notary {
  private current: NotaryState = { is: 'stopped' };
  /** The last ownership of this process ended with the failure of a step. */
  private hasJustFailed = false;
  private unkept = 0;
  private readonly follower: CheckpointedFollower;

  constructor(private readonly parts: NotaryParts) {
    this.follower = new CheckpointedFollower(
      {
        name: NOTARY,
        follow: (from, lease, over) => this.followed(this.follow(from, lease, over)),
        onWaiting: () => {
          if (!this.hasJustFailed) this.current = { is: 'waiting' };
          this.hasJustFailed = false;
        },
        onStopped: () => {
          this.current = { is: 'stopped' };
        },
        onFailed: (error) => {
          this.current = { is: 'failed', reason: safeReason(error) };
          parts.warn({ reason: safeReason(error), err: error }, 'the notary has stopped; it has skipped no event');
        },
      },
      { ...parts, checkpoints: movedBySteps(parts.checkpoints) },
    );
  }

  get state(): NotaryState {
    return this.current;
  }

  /** Trees whose last note only the database had when this process became the owner. So a restored one could sign a fork. */
  get notesInDatabaseOnly(): number {
    return this.unkept;
  }

  start(): void {
    this.follower.start();
  }

  stop(): Promise<void> {
    return this.follower.stop();
  }

  backlog(): Promise<Backlog> {
    return this.follower.backlog();
  }

  private async followed(following: Promise<void>): Promise<void> {
    try {
      await following;
    } catch (error) {
      this.hasJustFailed = !(error instanceof RetryableError);
      if (this.hasJustFailed) this.current = { is: 'failing', reason: safeReason(error) };
      throw error;
    }
  }

  /** Resolves when `over` is aborted or a later owner has announced itself. */
  private async follow(from: Position, lease: Lease, over: AbortSignal): Promise<void> {
    const { log, store, clock } = this.parts;
    if (this.current.is !== 'failing') this.current = { is: 'recording' };
    const parts = { ...this.parts, identity: await log.identity(), keys: await this.parts.keys() };
    const { toSign, inDatabaseOnly } = await compareAtStart(parts);
    this.noteUnkept(inDatabaseOnly);
    const unsigned = [...toSign, ...(await store.unsigned())];
    const signing = new Signing(new TreeSigner(parts), lease, clock, unsigned);
    const tapes = new OpenTapes();
    let [written, writtenMs] = [from, Number.NEGATIVE_INFINITY];
    const pages = acrossGaps(log, from, (after) => log.subscribe(after, over));
    for await (const { events, lacked, to, live } of this.steps(pages, from, over)) {
      const step = await recordStep({ from: written, to, events, lacked }, { log, store, tapes });
      // A checkpoint without entries can wait: to skip deltas again costs little.
      if (step.trees.length > 0 || (to !== written && clock.monotonic() - writtenMs >= limits.checkpointMs)) {
        const result = await store.write(lease, step);
        if (!result) return;
        [written, writtenMs] = [to, clock.monotonic()];
        this.noteWritten(step, result, signing);
      }
      this.follower.finished(to);
      if (!(await signing.whenDue(live)) || over.aborted) return;
      if (live) this.current = { is: 'recording' };
    }
  }

  private noteUnkept(tenants: readonly string[]): void {
    this.unkept = tenants.length;
    if (tenants.length === 0) return;
    const facts = { trees: tenants.length, tenant: tenants[0] };
    this.parts.warn(facts, 'the last notes of trees lie in the database only: the data directory does not have them');
  }

  private noteWritten({ entries, trees }: RecordStep, { refused }: WrittenStep, signing: Signing): void {
    this.parts.meter.entriesRecorded(entries.filter(({ tenant }) => !refused.has(tenant)).length);
    for (const { tenant, stopped } of trees) {
      const reason = refused.get(tenant) ?? stopped;
      signing.grown.add(tenant);
      if (reason !== null) this.parts.warn({ tenant, reason }, 'the record of a tenant does not grow any more');
    }
  }

  /**
   * Joins pages while the notary is behind the log. Live, it waits for the next moment before it works: one step then has what is
   * appended meanwhile, and does not compete with the turn whose first event woke it.
   */
  private async *steps(
    pages: AsyncIterable<PageBehindGap>,
    from: Position,
    over: AbortSignal,
  ): AsyncGenerator<Omit<RecordedPart, 'from'> & { readonly live: boolean }> {
    const { clock } = this.parts;
    let events: RecordedEvent[] = [];
    let lacked = new Map<RecordedEvent, readonly LackedEvent[]>();
    let bytes = 0;
    let to = from;
    let sinceMs = clock.monotonic();
    for await (const page of pages) {
      // An event that is delivered again has its entry already.
      const news = page.events.filter(({ position = START }) => position > to);
      if (page.position > to) to = page.position;
      if (news[0] && page.lacked.length > 0) lacked.set(news[0], page.lacked);
      events.push(...news);
      for (const { data, meta } of news) bytes += data.length + meta.length;
      const isFull = events.length >= recordLimits.recordStepEventsMax || bytes >= recordLimits.recordStepBytesMax;
      // While others append without a pause, a page may never be the last one.
      const isDue = clock.monotonic() - sinceMs >= recordLimits.recordPauseMs;
      if (!page.live && !isFull && !isDue) continue;
      if (page.live && !isFull && events.length > 0) await this.pause(over);
      if (over.aborted) return;
      yield { events, lacked, to, live: page.live };
      events = [];
      lacked = new Map();
      bytes = 0;
      sinceMs = clock.monotonic();
    }
  }

  private async pause(over: AbortSignal): Promise<void> {
    const { clock } = this.parts;
    await clock.sleep(Math.ceil(recordLimits.recordPauseMs - (clock.monotonic() % recordLimits.recordPauseMs)), over);
  }
}

/** Only a step moves the checkpoint, with its entries. A save beside it could move it back, and entries would be made twice. */
const movedBySteps = (checkpoints: Checkpoints): Checkpoints => ({
  read: (name) => checkpoints.read(name),
  open: (name, epoch) => checkpoints.open(name, epoch),
  save: async () => true,
});

/** When which trees are signed. */
class Signing {
  private signedMs = Number.NEGATIVE_INFINITY;
  /** Trees that have news since they were signed. */
  readonly grown: Set<string>;

  constructor(
    private readonly signer: TreeSigner,
    private readonly lease: Lease,
    private readonly clock: Pick<Clock, 'monotonic'>,
    unsigned: readonly string[],
  ) {
    this.grown = new Set(unsigned);
  }

  /** False if another owner has taken over. Behind the log a tree is signed now and then, so that its note is never old. */
  async whenDue(live: boolean): Promise<boolean> {
    const { clock } = this;
    if (this.grown.size === 0 || (!live && clock.monotonic() - this.signedMs < recordLimits.recordPauseMs)) return true;
    const waiting = await this.signer.sign(this.lease, [...this.grown], live);
    if (!waiting) return false;
    this.signedMs = clock.monotonic();
    this.grown.clear();
    for (const tenant of waiting) this.grown.add(tenant);
    return true;
  }
}
