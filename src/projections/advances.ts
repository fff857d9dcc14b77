import { once, setMaxListeners } from 'node:events';

const MOVE = 'move';
const WISH = 'wish';

/**
 * Tells whoever waits for a view in this process that a lane of it has moved, and the lanes that somebody waits. What
 * happens in other processes is not heard here.
 */
export class Advances {
  private readonly heard = new EventTarget();
  private readonly waiting = new Map<string, number>();

  constructor() {
    // As many as wait.
    setMaxListeners(0, this.heard);
  }

  tell(projection: string): void {
    this.heard.dispatchEvent(new Event(`${MOVE} ${projection}`));
  }

  /** Resolves with the next move, or when aborted. */
  async next(projection: string, signal: AbortSignal): Promise<void> {
    this.count(projection, 1);
    this.heard.dispatchEvent(new Event(`${WISH} ${projection}`));
    await this.once(`${MOVE} ${projection}`, signal);
    this.count(projection, -1);
  }

  /** Resolves when somebody waits for a move, or when aborted. */
  async wished(projection: string, signal: AbortSignal): Promise<void> {
    if ((this.waiting.get(projection) ?? 0) === 0) await this.once(`${WISH} ${projection}`, signal);
  }

  private async once(what: string, signal: AbortSignal): Promise<void> {
    await once(this.heard, what, { signal }).catch(() => {});
  }

  private count(projection: string, by: number): void {
    this.waiting.set(projection, (this.waiting.get(projection) ?? 0) + by);
  }
}
