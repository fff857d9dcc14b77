import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import { RetryableError } from '../ports/errors.js';
import type { Key, Keys } from '../ports/keys.js';

interface Lookups {
  readonly ids: Set<string>;
  readonly found: Promise<ReadonlyMap<string, Key>>;
}

/**
 * Looks up all waiting unknown ids in one query, one query at a time and a bounded number in a second. A flood of made-up ids
 * costs the database about as much as one of them. No answer is older than its call: a key that was issued before is found on
 * every node.
 */
export class JoinedLookups {
  /** The query that has not begun. */
  private next: Lookups | undefined;
  /** Resolved when the next query may begin. */
  private pause: Promise<void> = Promise.resolve();

  constructor(
    private readonly keys: Pick<Keys, 'findAll'>,
    private readonly clock: Pick<Clock, 'sleep'>,
  ) {}

  /** How many ids wait for the next query. */
  get size(): number {
    return this.next?.ids.size ?? 0;
  }

  async find(id: string): Promise<Key | undefined> {
    this.next ??= this.queryAfterPause();
    const { ids, found } = this.next;
    if (!ids.has(id) && ids.size >= limits.keyLookupsWaitingMax) {
      throw new RetryableError('too many keys are being looked up', { retryAfterMs: 1_000 });
    }
    ids.add(id);
    return (await found).get(id);
  }

  private queryAfterPause(): Lookups {
    const ids = new Set<string>();
    const found = this.pause.then(async () => {
      this.next = undefined;
      return new Map((await this.keys.findAll([...ids])).map((key) => [key.id, key]));
    });
    const pause = () => this.clock.sleep(limits.keyLookupPauseMs);
    this.pause = found.then(pause, pause);
    return { ids, found };
  }
}
