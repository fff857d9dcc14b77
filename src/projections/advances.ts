const MOVE = 'move';
const WISH = 'wish';

/**
 * Tells those that wait for a view in this process that a lane of it has moved, and the lanes that something waits for
 * them. What happens in other processes is not known here.
 */
export class Advances {
  /** By what they wait for. */
  private readonly sleepers = new Map<string, Set<() => void>>();
  private readonly waiting = new Map<string, number>();

  tell(projection: string): void {
    this.wake(`${MOVE} ${projection}`);
  }

  /** Resolves with the next move, or when aborted. */
  async next(projection: string, signal: AbortSignal): Promise<void> {
    this.count(projection, 1);
    this.wake(`${WISH} ${projection}`);
    await this.told(`${MOVE} ${projection}`, signal);
    this.count(projection, -1);
  }

  /** Resolves when something waits for a move, or when aborted. */
  async wished(projection: string, signal: AbortSignal): Promise<void> {
    if ((this.waiting.get(projection) ?? 0) === 0) await this.told(`${WISH} ${projection}`, signal);
  }

  private wake(what: string): void {
    const sleepers = this.sleepers.get(what);
    this.sleepers.delete(what);
    for (const wake of sleepers ?? []) wake();
  }

  /** Lanes end such a wait with each step: `once` of Node would make an error with its stack each time. */
  private told(what: string, signal: AbortSignal): Promise<void> {
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

  private count(projection: string, by: number): void {
    this.waiting.set(projection, (this.waiting.get(projection) ?? 0) + by);
  }
}
