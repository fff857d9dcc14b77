import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import type { Key, KeyEvent, Keys } from '../ports/keys.js';
import { JoinedLookups } from './joined-lookups.js';

interface Lookup {
  readonly askedAt: number;
  readonly key: Promise<Key | undefined>;
}

/**
 * Asks the store once in a while for each key instead of with every request. What is recorded through here is seen at
 * once; what another node records, when the lookup has aged.
 *
 * Ids of which this process knows nothing are looked up together, and the answer that there is no such key is not kept: made-up
 * ids cost a bounded number of queries all the same, push out no key that is in use, and a key that was issued on another node
 * is found by the first request that presents it.
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

  /** Whether this id would have to wait with many others of which nothing is known. */
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
    // What was recorded meanwhile may be newer: the next request looks it up again.
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
