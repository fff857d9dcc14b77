import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../../limits.js';
import { RetryableError } from '../../ports/errors.js';
import type { AppendOutcome } from '../../ports/event-log.js';
import type { Meter } from '../../ports/meter.js';
import { FairQueue } from '../event-log/fair-queue.js';
import { type Append, QueueRoom } from '../event-log/queue-room.js';

export interface QueuedAppend extends Append {
  /** True if it was ever sent. Without an answer it may be written. */
  sent: boolean;
}

export interface AppendQueueParts {
  /** Throws RetryableError if no answer came in time. */
  readonly send: (append: QueuedAppend, answerMs: number) => Promise<AppendOutcome>;
  readonly now: () => number;
  readonly meter: Pick<Meter, 'appendAnswered' | 'batchSent'>;
}

interface WaitingAppend {
  readonly groups: readonly string[];
  readonly go: () => void;
}

/**
 * Sends appends of one stream one after the other, in order, and those of different streams in parallel up to a limit.
 * Waiting tenants take turns, and so do the users of each. An append without an answer is sent again, with the same ids,
 * until its deadline.
 */
export class AppendQueue {
  private readonly room = new QueueRoom();
  private onWire = 0;
  private readonly waiting = new FairQueue<WaitingAppend>(({ groups }) => groups);
  private readonly lastOfStream = new Map<string, Promise<void>>();
  private readonly works = new Set<Promise<void>>();
  private closing = false;

  constructor(private readonly parts: AppendQueueParts) {}

  async submit(append: QueuedAppend): Promise<AppendOutcome> {
    if (this.closing || !this.room.take(append)) return { outcome: 'unavailable', maybeWritten: false };
    const askedAt = this.parts.now();
    try {
      return await this.answer(append, askedAt + limits.appendDeadlineMs);
    } finally {
      this.room.giveBack(append);
      this.parts.meter.appendAnswered(this.parts.now() - askedAt);
    }
  }

  /** Accepts no more appends, and waits for open ones. */
  async close(): Promise<void> {
    this.closing = true;
    await Promise.all(this.works);
  }

  /** Resolves at the deadline at the latest, even if the call is still open. */
  private answer(append: QueuedAppend, giveUpAt: number): Promise<AppendOutcome> {
    return new Promise((resolve, reject) => {
      const giveUp = () => resolve({ outcome: 'unavailable', maybeWritten: append.sent });
      const timer = setTimeout(giveUp, giveUpAt - this.parts.now());
      const before = this.lastOfStream.get(append.stream) ?? Promise.resolve();
      const work = before
        .then(() => this.tryUntil(append, giveUpAt))
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
      this.follow(append.stream, work);
    });
  }

  private follow(stream: string, work: Promise<void>): void {
    this.works.add(work);
    this.lastOfStream.set(stream, work);
    void work.finally(() => {
      this.works.delete(work);
      if (this.lastOfStream.get(stream) === work) this.lastOfStream.delete(stream);
    });
  }

  private async tryUntil(append: QueuedAppend, giveUpAt: number): Promise<AppendOutcome> {
    const { first, most } = limits.reconnectBackoffMs;
    for (let pauseMs: number = first; this.parts.now() < giveUpAt; pauseMs = Math.min(most, pauseMs * 2)) {
      try {
        return await this.onOneOfTheWires(append, giveUpAt);
      } catch (error) {
        if (!(error instanceof RetryableError)) throw error;
      }
      await sleep(Math.max(0, Math.min(pauseMs, giveUpAt - this.parts.now())));
    }
    return { outcome: 'unavailable', maybeWritten: append.sent };
  }

  private async onOneOfTheWires(append: QueuedAppend, giveUpAt: number): Promise<AppendOutcome> {
    const groups = [append.events[0]?.tenant ?? '', append.user ?? ''];
    if (this.onWire < limits.appendsOnWireMax) this.onWire += 1;
    else await new Promise<void>((go) => this.waiting.push({ groups, go }));
    try {
      // An append past its deadline must not be sent.
      const answerMs = Math.min(limits.commitAnswerMs, giveUpAt - this.parts.now());
      if (answerMs < 1) return { outcome: 'unavailable', maybeWritten: append.sent };
      this.parts.meter.batchSent(append.events.length);
      return await this.parts.send(append, answerMs);
    } finally {
      const next = this.waiting.shift();
      // The place goes directly to the next append, so that no other caller takes it in between.
      if (next) next.go();
      else this.onWire -= 1;
    }
  }
}
