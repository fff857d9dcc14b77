import { once } from 'node:events';

/** Tells whoever waits for a view in this process that a lane of it has moved. What others' lanes do is not heard here. */
export class Advances {
  private readonly moves = new EventTarget();

  tell(projection: string): void {
    this.moves.dispatchEvent(new Event(projection));
  }

  /** Resolves with the next move, or when aborted. */
  async next(projection: string, signal: AbortSignal): Promise<void> {
    await once(this.moves, projection, { signal }).catch(() => {});
  }
}
