import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { type Position, START } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import { DedicatedConnection } from './dedicated-connection.js';
import { positionOf } from './position.js';

/**
 * Knows a position that is committed, and tells when a later one is. It learns from appends of this process and by
 * asking the database: on a notification, of which there is one for each batch of any process, and, should those be
 * lost, every so often. What a notification says is never believed: whoever may connect may send one.
 */
export class HeadWatch {
  private known: Position = START;
  /** One for each subscriber that waits, however many there are. */
  private waiting = new Set<() => void>();
  private readonly stopping = new AbortController();
  private readonly connection: DedicatedConnection;
  private readonly polling: Promise<void>;
  private notified = false;
  private endPause = () => {};

  constructor(config: pg.ClientConfig, isOwnBackend: (processId: number) => boolean) {
    this.connection = new DedicatedConnection(config, limits.commitAnswerMs, async (client) => {
      client.on('notification', ({ processId }) => {
        if (!isOwnBackend(processId)) this.askSoon();
      });
      await client.query('LISTEN verbatim_log');
    });
    this.polling = this.poll();
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

  /** Resolves when something after `position` is known to be committed, or when aborted. */
  async waitBeyond(position: Position, signal: AbortSignal): Promise<void> {
    while (this.known <= position && !signal.aborted) await this.nextAdvance(signal);
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

  async close(): Promise<void> {
    this.stopping.abort();
    await this.connection.close();
    await this.polling;
  }

  private async poll(): Promise<void> {
    const { first, most } = limits.reconnectBackoffMs;
    let pauseMs: number = first;
    while (!this.stopping.signal.aborted) {
      try {
        this.notified = false;
        const [row] = await this.connection.query<[string]>({
          name: 'head',
          text: 'SELECT position FROM log.head',
          rowMode: 'array',
        });
        this.advance(positionOf(row?.[0] ?? '0'));
        pauseMs = first;
        await this.pause(limits.headPollMs);
      } catch {
        // The database is away: subscribers wait, and the next successful poll wakes them.
        await this.pause(pauseMs);
        pauseMs = Math.min(most, pauseMs * 2);
      }
    }
  }

  private askSoon(): void {
    this.notified = true;
    this.endPause();
  }

  private async pause(milliseconds: number): Promise<void> {
    if (this.notified) return;
    const ended = new AbortController();
    this.endPause = () => ended.abort();
    const signal = AbortSignal.any([ended.signal, this.stopping.signal]);
    await sleep(milliseconds, undefined, { signal }).catch(() => {});
  }
}
