import type pg from 'pg';
import { type Position, START } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import type { BackgroundHealth } from '../../ports/background-health.js';
import { RetryableError } from '../../ports/errors.js';
import { DedicatedConnection } from './dedicated-connection.js';

const PART = 'log head';

/** The result of a query for the head. */
export interface HeadReading {
  readonly head: Position;
  /** False if there are more events behind it. */
  readonly isAll: boolean;
}

/**
 * Knows a committed position, and wakes subscribers when there is a later one. It learns of appends of this process, and
 * queries the database at a notification, which each batch of any process sends, and from time to time, should a
 * notification be lost. It does not trust the content of a notification, because any role that can connect can send one.
 */
export class HeadWatch {
  private known: Position = START;
  /** One for each subscriber that waits, however many there are. */
  private waiting = new Set<() => void>();
  private readonly stopping = new AbortController();
  private readonly connection: DedicatedConnection;
  private readonly polling: Promise<void>;
  private looking: Promise<void> | undefined;
  private lookedAt = Number.NEGATIVE_INFINITY;
  private spacingMs: number = limits.headLookMs.first;
  /** An event was committed since the last query began. */
  private notified = false;
  private endPause = () => {};

  constructor(
    config: pg.ClientConfig,
    isOwnBackend: (processId: number) => boolean,
    private readonly lookWith: (connection: DedicatedConnection) => Promise<HeadReading>,
    private readonly health: BackgroundHealth,
    requireLog: (client: pg.Client) => Promise<void> = async () => {},
  ) {
    this.connection = new DedicatedConnection(config, limits.commitAnswerMs, async (client) => {
      client.on('notification', ({ processId }) => {
        if (!isOwnBackend(processId)) this.notice();
      });
      await client.query('LISTEN verbatim_log');
      await requireLog(client);
    });
    // Deferred, because the first query calls its owner, which is still being constructed.
    this.polling = Promise.resolve().then(() => this.poll());
  }

  get head(): Position {
    return this.known;
  }

  advance(position: Position): void {
    if (position <= this.known) return;
    this.known = position;
    const woken = this.waiting;
    this.waiting = new Set();
    for (const wake of woken) wake();
  }

  /** Resolves when an event after `position` is known to be committed, or when aborted. */
  async waitBeyond(position: Position, signal: AbortSignal): Promise<void> {
    while (this.known <= position && !signal.aborted) await this.nextAdvance(signal);
  }

  /** Simultaneous callers share one query. */
  look(): Promise<void> {
    this.looking ??= this.lookNow().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  async close(): Promise<void> {
    this.stopping.abort();
    this.endPause();
    await this.connection.close();
    await this.polling;
  }

  private nextAdvance(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.waiting.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  private async lookNow(): Promise<void> {
    this.notified = false;
    this.beginLook(performance.now());
    const { head, isAll } = await this.lookWith(this.connection);
    if (!isAll) this.notified = true;
    this.advance(head);
  }

  /** The few commits of a turn are queried at once. Under a steady load the pause grows, so that a query covers more. */
  private beginLook(now: number): void {
    const { first, most } = limits.headLookMs;
    this.spacingMs = now - this.lookedAt > 2 * most ? first : Math.min(most, 2 * this.spacingMs);
    this.lookedAt = now;
  }

  private async poll(): Promise<void> {
    const { first, most } = limits.reconnectBackoffMs;
    let pauseMs: number = first;
    while (!this.stopping.signal.aborted) {
      try {
        await this.look();
        this.health.recovered(PART);
        pauseMs = first;
        await this.untilDue();
      } catch (error) {
        if (!(error instanceof RetryableError)) this.health.failed(PART, error);
        // Subscribers wait, and the next successful look wakes them.
        await this.pause(pauseMs);
        pauseMs = Math.min(most, pauseMs * 2);
      }
    }
  }

  /** Each batch of every process sends a notification. Those that arrive at about the same time cause one query. */
  private async untilDue(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      const dueMs = this.notified ? this.spacingMs : limits.headPollMs;
      const leftMs = this.lookedAt + dueMs - performance.now();
      if (leftMs <= 0) return;
      await this.pause(leftMs);
    }
  }

  private notice(): void {
    if (this.notified) return;
    this.notified = true;
    this.endPause();
  }

  private pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
