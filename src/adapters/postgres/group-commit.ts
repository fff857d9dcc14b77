import { limits } from '../../limits.js';
import { RetryableError } from '../../ports/errors.js';
import type { AppendOutcome } from '../../ports/event-log.js';
import type { Meter } from '../../ports/meter.js';
import { FairQueue } from '../event-log/fair-queue.js';
import { type Append, QueueRoom } from '../event-log/queue-room.js';

/**
 * Commits appends of different streams in one transaction, and returns an outcome for each. Throws RetryableError without an
 * answer of the server: it is unknown whether they were committed. Any other error means that the batch was refused.
 */
export interface BatchWriter {
  write(appends: readonly Append[]): Promise<readonly AppendOutcome[]>;
}

export interface GroupCommitParts {
  /** Each writer commits one batch at a time. */
  readonly writers: readonly BatchWriter[];
  /** Converts a writer's error about a single append to that for its caller. */
  readonly refusal: (append: Append, error: unknown) => Error;
  readonly now: () => number;
  readonly meter: Pick<Meter, 'appendAnswered' | 'batchSent'>;
}

interface Pending {
  readonly append: Append;
  readonly askedAt: number;
  readonly giveUpAt: number;
  readonly resolve: (outcome: AppendOutcome) => void;
  readonly reject: (error: Error) => void;
  sent: boolean;
  settled: boolean;
}

const EXPIRY_CHECK_MS = 100;

/**
 * All appends that wait in this process go into one transaction and share its flush; the next batch leaves when a
 * writer is free. Appends of one stream keep their order: at most one of them is sent. Tenants take turns, so a flood
 * of one tenant does not delay another by more than the batches that are already sent.
 */
export class GroupCommit {
  private readonly idle: BatchWriter[];
  private readonly unsettled = new Set<Pending>();
  private readonly room = new QueueRoom();
  /** At most one append of each stream. The later ones of that stream wait in `behind`. */
  private readonly ready = new FairQueue<Pending>(({ append: { events, user } }) => [
    events[0]?.tenant ?? '',
    user ?? '',
  ]);
  private readonly behind = new Map<string, Pending[]>();
  private dispatchPlanned = false;
  private pausedUntil = 0;
  private pauseMs = 0;
  private expiry: NodeJS.Timeout | undefined;
  private resume: NodeJS.Timeout | undefined;
  private closing = false;
  private closed: Promise<void> | undefined;
  private drained: (() => void) | undefined;

  constructor(private readonly parts: GroupCommitParts) {
    this.idle = [...parts.writers];
  }

  submit(append: Append): Promise<AppendOutcome> {
    if (this.closing || !this.room.take(append))
      return Promise.resolve({ outcome: 'unavailable', maybeWritten: false });
    return new Promise((resolve, reject) => {
      const askedAt = this.parts.now();
      const giveUpAt = askedAt + limits.appendDeadlineMs;
      this.accept({ append, askedAt, giveUpAt, resolve, reject, sent: false, settled: false });
    });
  }

  /** Accepts no more appends, and waits until all accepted ones are answered. */
  close(): Promise<void> {
    this.closing = true;
    this.closed ??= new Promise((resolve) => {
      if (this.unsettled.size === 0) resolve();
      else this.drained = resolve;
    });
    return this.closed;
  }

  private accept(pending: Pending): void {
    this.unsettled.add(pending);
    const { stream } = pending.append;
    const queue = this.behind.get(stream);
    if (queue) queue.push(pending);
    else {
      this.behind.set(stream, []);
      this.ready.push(pending);
    }
    this.expiry ??= setInterval(() => this.expire(), EXPIRY_CHECK_MS);
    this.planDispatch();
  }

  /** Called at the end of this turn of the event loop, so that all its appends leave in one batch. */
  private planDispatch(): void {
    if (this.dispatchPlanned || this.idle.length === 0) return;
    this.dispatchPlanned = true;
    setImmediate(() => {
      this.dispatchPlanned = false;
      this.dispatch();
    });
  }

  private dispatch(): void {
    const pauseLeftMs = this.pausedUntil - this.parts.now();
    if (pauseLeftMs > 0) {
      this.dispatchAfter(pauseLeftMs);
      return;
    }
    while (this.idle.length > 0 && this.ready.length > 0) {
      const batch = this.takeBatch();
      if (batch.length === 0) continue;
      const writer = this.idle.pop() as BatchWriter;
      void this.commit(writer, batch).then(() => {
        this.idle.push(writer);
        this.dispatch();
      });
    }
  }

  private dispatchAfter(pauseMs: number): void {
    if (this.unsettled.size === 0) return;
    this.resume ??= setTimeout(() => {
      this.resume = undefined;
      this.dispatch();
    }, pauseMs + 1);
  }

  private takeBatch(): Pending[] {
    // A long queue is shared among the idle writers: while one batch is committed, the next is being prepared.
    const appendsMax = Math.max(limits.commitShareAppendsMin, Math.ceil(this.ready.length / this.idle.length));
    let events = 0;
    let bytes = 0;
    let taken = 0;
    const batch = this.ready.takeWhile(({ append }) => {
      events += append.events.length;
      bytes += append.bytes;
      const fits = events <= limits.commitBatchEventsMax && bytes <= limits.commitBatchBytesMax;
      if (taken === appendsMax || (!fits && taken > 0)) return false;
      taken += 1;
      return true;
    });
    for (const expired of batch.filter((pending) => pending.settled)) this.release(expired);
    return batch.filter((pending) => !pending.settled);
  }

  /** Never rejects: each append of a batch is answered or queued again. */
  private async commit(writer: BatchWriter, batch: Pending[]): Promise<void> {
    const unanswered = await this.attempt(writer, batch);
    if (unanswered.length > 0) this.queueAgain(unanswered);
  }

  /** Returns the appends without an answer of the database. */
  private async attempt(writer: BatchWriter, batch: Pending[]): Promise<Pending[]> {
    for (const pending of batch) pending.sent = true;
    this.parts.meter.batchSent(batch.reduce((events, { append }) => events + append.events.length, 0));
    try {
      const outcomes = await writer.write(batch.map((pending) => pending.append));
      this.pauseMs = 0;
      batch.forEach((pending, index) => {
        this.settle(pending, () => pending.resolve(outcomes[index] as AppendOutcome));
        this.release(pending);
      });
      return [];
    } catch (error) {
      if (error instanceof RetryableError) return batch;
      if (batch.length > 1) return this.attemptOneByOne(writer, batch);
      const [pending] = batch as [Pending];
      this.settle(pending, () => pending.reject(this.parts.refusal(pending.append, error)));
      this.release(pending);
      return [];
    }
  }

  /** The database refused the batch because of one append. Sends them one by one, so that only that one fails. */
  private async attemptOneByOne(writer: BatchWriter, batch: Pending[]): Promise<Pending[]> {
    for (const [index, pending] of batch.entries()) {
      if (pending.settled) this.release(pending);
      // Stop in an outage, where each of the others would wait for its own timeout.
      else if ((await this.attempt(writer, [pending])).length > 0) return batch.slice(index);
    }
    return [];
  }

  private queueAgain(batch: Pending[]): void {
    this.ready.giveBack(batch);
    const { first, most } = limits.reconnectBackoffMs;
    this.pauseMs = Math.min(most, Math.max(first, this.pauseMs * 2));
    this.pausedUntil = this.parts.now() + this.pauseMs;
  }

  private release({ append: { stream } }: Pending): void {
    const queue = this.behind.get(stream);
    let next = queue?.shift();
    while (next?.settled) next = queue?.shift();
    if (next) this.ready.push(next);
    else this.behind.delete(stream);
  }

  private settle(pending: Pending, answer: () => void): void {
    if (pending.settled) return;
    pending.settled = true;
    this.unsettled.delete(pending);
    this.room.giveBack(pending.append);
    this.parts.meter.appendAnswered(this.parts.now() - pending.askedAt);
    answer();
    if (this.unsettled.size > 0) return;
    clearInterval(this.expiry);
    clearTimeout(this.resume);
    this.expiry = undefined;
    this.resume = undefined;
    this.drained?.();
  }

  /** The queue is ordered by age, so the sweep stops at the first append that has not expired. */
  private expire(): void {
    const now = this.parts.now();
    for (const pending of this.unsettled) {
      if (pending.giveUpAt > now) return;
      this.settle(pending, () => pending.resolve({ outcome: 'unavailable', maybeWritten: pending.sent }));
    }
  }
}
