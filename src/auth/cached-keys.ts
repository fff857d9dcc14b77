import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import type { Key, KeyEvent, Keys } from '../ports/keys.js';
import { JoinedLookups } from './joined-lookups.js';

interface Lookup {
  readonly askedAt: number;
  readonly key: Promise<Key | undefined>;
}

/**
 * Caches look-ups of keys. Records of this process are visible at once, those of another node after the cached look-up has
 * expired.
 *
 * Unknown ids are looked up together, and a miss is not cached: so made-up ids cost a bounded number of queries and evict no
 * key in use, and the first request with a key that another node has issued finds it.
 */
export class CachedKeys implements Omit<Keys, 'findAll'> {
  private readonly lookups = new Map<string, Lookup>();
  private readonly unknown: JoinedLookups;
  /** How many events were recorded through here. */
  private records = 0;

  constructor(
    private readonly store: Keys,
    private readonly clock: Clock,
  ) {
    this.unknown = new JoinedLookups(store, clock);
  }

  find(id: string): Promise<Key | undefined> {
    const now = this.clock.now();
    const known = this.lookups.get(id);
    // A clock that was set back must not make a lookup live longer.
    if (known && now >= known.askedAt && now - known.askedAt < limits.keyCacheMs) return known.key;
    // A known id is looked up alone, so that it does not wait for made-up ids.
    return known ? this.kept(id, now, this.store.find(id)) : this.findUnknown(id, now);
  }

  /** True if this id would have to wait with many other unknown ids. */
  isCrowdedFor(id: string): boolean {
    return !this.lookups.has(id) && this.unknown.size >= limits.keyLookupsOfFailingMax;
  }

  async record(event: KeyEvent): Promise<void> {
    await this.store.record(event);
    this.records += 1;
    this.lookups.delete(event.data.keyId);
  }

  ofTenant(tenant: string): Promise<readonly Key[]> {
    return this.store.ofTenant(tenant);
  }

  private async findUnknown(id: string, askedAt: number): Promise<Key | undefined> {
    const recordsBefore = this.records;
    const key = await this.unknown.find(id);
    // Do not cache it if a record was made meanwhile, which may be newer.
    if (key && this.records === recordsBefore) this.keep(id, { askedAt, key: Promise.resolve(key) });
    return key;
  }

  private kept(id: string, askedAt: number, key: Promise<Key | undefined>): Promise<Key | undefined> {
    const lookup: Lookup = { askedAt, key };
    this.keep(id, lookup);
    // A failure is not kept.
    key.then(
      (found) => found ?? this.forget(id, lookup),
      () => this.forget(id, lookup),
    );
    return key;
  }

  private keep(id: string, lookup: Lookup): void {
    this.lookups.delete(id);
    this.lookups.set(id, lookup);
    const [oldest] = this.lookups.keys();
    if (this.lookups.size > limits.keyCacheEntriesMax && oldest !== undefined) this.lookups.delete(oldest);
  }

  private forget(id: string, lookup: Lookup): void {
    if (this.lookups.get(id) === lookup) this.lookups.delete(id);
  }
}
