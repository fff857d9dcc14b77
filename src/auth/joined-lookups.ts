import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import { RetryableError } from '../ports/errors.js';
import type { Key, Keys } from '../ports/keys.js';

interface WaitingLookup {
  readonly key: Promise<Key | undefined>;
  readonly settle: (key: Key | undefined) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Looks up all waiting unknown ids in one query, one query at a time and a bounded number in a second. A flood of made-up ids
 * costs the database about as much as one of them. No answer is older than its call: a key that was issued before is found on
 * every node.
 */
export class JoinedLookups {
  private waiting = new Map<string, WaitingLookup>();
  private isAsking = false;

  constructor(
    private readonly keys: Pick<Keys, 'findAll'>,
    private readonly clock: Pick<Clock, 'sleep'>,
  ) {}

  /** How many ids wait for the next query. */
  get size(): number {
    return this.waiting.size;
  }

  find(id: string): Promise<Key | undefined> {
    const known = this.waiting.get(id);
    if (known) return known.key;
    if (this.waiting.size >= limits.keyLookupsWaitingMax) {
      return Promise.reject(new RetryableError('too many keys are being looked up', { retryAfterMs: 1_000 }));
    }
    const { promise: key, settle, fail } = settled<Key | undefined>();
    this.waiting.set(id, { key, settle, fail });
    if (!this.isAsking) void this.ask();
    return key;
  }

  private async ask(): Promise<void> {
    this.isAsking = true;
    while (this.waiting.size > 0) {
      await this.askForAll();
      await this.clock.sleep(limits.keyLookupPauseMs);
    }
    this.isAsking = false;
  }

  private async askForAll(): Promise<void> {
    // Calls of the same turn of the event loop share the query.
    await Promise.resolve();
    const asked = this.waiting;
    this.waiting = new Map();
    try {
      const found = new Map((await this.keys.findAll([...asked.keys()])).map((key) => [key.id, key]));
      for (const [id, { settle }] of asked) settle(found.get(id));
    } catch (error) {
      for (const { fail } of asked.values()) fail(error);
    }
  }
}

function settled<T>() {
  let settle: (value: T) => void = () => {};
  let fail: (error: unknown) => void = () => {};
  const promise = new Promise<T>((resolve, reject) => {
    settle = resolve;
    fail = reject;
  });
  return { promise, settle, fail };
}
