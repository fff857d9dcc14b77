import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import type { Hints } from '../ports/hints.js';

const MOVE = 'move';
const WISH = 'wish';

/**
 * Notifies queries of this process that a lane has moved, and lanes that a query waits for them. A move of another process is
 * not known here, so a query also polls the view. A wish goes to the lanes of other processes as a hint.
 */
export class Advances {
  /** By what they wait for. */
  private readonly sleepers = new Map<string, Set<() => void>>();
  /** How many queries of this process wait. */
  private readonly waiting = new Map<string, number>();
  /** How many lanes of this process are open. */
  private readonly lanes = new Map<string, number>();
  /** Until when a query of another process is taken to wait. */
  private readonly wishedUntilMs = new Map<string, number>();

  constructor(
    private readonly hints: Hints,
    private readonly clock: Pick<Clock, 'monotonic'>,
  ) {}

  moved(projection: string): void {
    this.wake(`${MOVE} ${projection}`);
  }

  /** A lane of this process has opened. Returns the function to call when it closes. */
  laneOpened(projection: string): () => void {
    count(this.lanes, projection, 1);
    const unlisten = this.hints.listen(wishOf(projection), () => {
      this.wishedUntilMs.set(projection, this.clock.monotonic() + limits.viewWishMs);
      this.wake(`${WISH} ${projection}`);
    });
    return () => {
      count(this.lanes, projection, -1);
      unlisten();
    };
  }

  /** A query begins to wait. Returns the function to call when it stops. */
  wish(projection: string): () => void {
    count(this.waiting, projection, 1);
    this.wake(`${WISH} ${projection}`);
    if (!this.lanes.get(projection)) this.hints.send(wishOf(projection));
    return () => count(this.waiting, projection, -1);
  }

  /** Resolves with the next move, or when aborted. */
  next(projection: string, signal: AbortSignal): Promise<void> {
    return this.notified(`${MOVE} ${projection}`, signal);
  }

  /** Resolves when a query waits for a move, or when aborted. */
  async wished(projection: string, signal: AbortSignal): Promise<void> {
    const isWished =
      (this.waiting.get(projection) ?? 0) > 0 ||
      (this.wishedUntilMs.get(projection) ?? Number.NEGATIVE_INFINITY) > this.clock.monotonic();
    if (!isWished) await this.notified(`${WISH} ${projection}`, signal);
  }

  private wake(what: string): void {
    const sleepers = this.sleepers.get(what);
    this.sleepers.delete(what);
    for (const wake of sleepers ?? []) wake();
  }

  /** Lanes end such a wait with each step: `once` of Node would make an error with its stack each time. */
  private notified(what: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const sleepers = this.sleepers.get(what) ?? new Set();
      this.sleepers.set(what, sleepers);
      const wake = () => {
        sleepers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      sleepers.add(wake);
      signal.addEventListener('abort', wake);
    });
  }
}

function count(counts: Map<string, number>, projection: string, by: number): void {
  counts.set(projection, (counts.get(projection) ?? 0) + by);
}

const wishOf = (projection: string): string => `wish ${projection}`;
