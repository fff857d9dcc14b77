import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import { RetryableError } from '../ports/errors.js';
import type { Key, KeyEvent, Keys } from '../ports/keys.js';

/** A lookup that has no answer yet. */
interface Lookup {
  readonly askedAt: number;
  readonly key: Promise<Key | undefined>;
}

/** What the store had at `askedAt` or later. */
interface KnownKey {
  readonly askedAt: number;
  readonly key: Key;
}

/**
 * Caches keys, so that a request seldom waits for the store. A key that was looked up more than `keyCacheMs` ago is looked up
 * again behind the request that presents it; after `keyUseMs` the request waits for the look-up. Records of this process are
 * visible at once, those of another node within these bounds.
 *
 * Unknown ids are looked up together, and a miss is not cached: so made-up ids cost a bounded number of queries and evict no
 * key in use, and the first request with a key that another node has issued finds it.
 */
export class CachedKeys implements Omit<Keys, 'findAll'> {
  private readonly known = new Map<string, KnownKey>();
  private readonly lookups = new Map<string, Lookup>();
  private readonly unknown: JoinedLookups;

  constructor(
    private readonly store: Keys,
    private readonly clock: Clock,
  ) {
    this.unknown = new JoinedLookups(store, clock);
  }

  /** For a request: the key as it was at most `keyUseMs` ago. */
  find(id: string): Promise<Key | undefined> {
    return this.findWithin(id, limits.keyUseMs);
  }

  /** For a caller that asks only every few seconds: the key as it was at most `keyCacheMs` ago. */
  findRecent(id: string): Promise<Key | undefined> {
    return this.findWithin(id, limits.keyCacheMs);
  }

  /** Whether this id would have to wait with many others of which nothing is known. */
  isCrowdedFor(id: string): boolean {
    return !this.known.has(id) && this.unknown.size >= limits.keyLookupsOfFailingMax;
  }

  async record(event: KeyEvent): Promise<void> {
    await this.store.record(event);
    const { keyId } = event.data;
    this.known.delete(keyId);
    // Its answer may be older than what was recorded.
    this.lookups.delete(keyId);
  }

  ofTenant(tenant: string): Promise<readonly Key[]> {
    return this.store.ofTenant(tenant);
  }

  private async findWithin(id: string, useMs: number): Promise<Key | undefined> {
    const known = this.known.get(id);
    if (!known) return this.lookUp(id, this.unknown);
    if (this.isWithin(known, limits.keyCacheMs)) return known.key;
    // A known id is looked up alone, so that it does not wait for made-up ids.
    const renewed = this.lookUp(id, this.store);
    return this.isWithin(known, useMs) ? known.key : renewed;
  }

  /** One for all who ask meanwhile, unless its answer may be too old for them. Of a failure nothing is kept. */
  private lookUp(id: string, store: Pick<Keys, 'find'>): Promise<Key | undefined> {
    const current = this.lookups.get(id);
    if (current && this.isWithin(current, limits.keyCacheMs)) return current.key;
    const lookup: Lookup = { askedAt: this.clock.now(), key: store.find(id) };
    this.lookups.set(id, lookup);
    lookup.key.then(
      (key) => {
        if (this.end(id, lookup)) this.keep(id, key && { askedAt: lookup.askedAt, key });
      },
      // A request that uses the known key does not get the error. Once that key is too old, a request waits and gets it.
      () => this.end(id, lookup),
    );
    return lookup.key;
  }

  /** False when a later lookup or a record has taken its place. */
  private end(id: string, lookup: Lookup): boolean {
    return this.lookups.get(id) === lookup && this.lookups.delete(id);
  }

  private keep(id: string, known: KnownKey | undefined): void {
    this.known.delete(id);
    if (!known) return;
    this.known.set(id, known);
    const [oldest] = this.known.keys();
    if (this.known.size > limits.keyCacheEntriesMax && oldest !== undefined) this.known.delete(oldest);
  }

  /** A clock that was set back must not make an answer live longer. */
  private isWithin({ askedAt }: { readonly askedAt: number }, milliseconds: number): boolean {
    const ageMs = this.clock.now() - askedAt;
    return ageMs >= 0 && ageMs < milliseconds;
  }
}

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
