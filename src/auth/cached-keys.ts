import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import type { Key, KeyEvent, Keys } from '../ports/keys.js';

interface Lookup {
  readonly askedAt: number;
  readonly key: Promise<Key | undefined>;
}

/**
 * Asks the store once in a while for each key instead of with every request. What is recorded through here is seen at
 * once; what another node records, when the lookup has aged.
 */
export class CachedKeys implements Keys {
  private readonly lookups = new Map<string, Lookup>();

  constructor(
    private readonly store: Keys,
    private readonly clock: Pick<Clock, 'now'>,
  ) {}

  find(id: string): Promise<Key | undefined> {
    const now = this.clock.now();
    const known = this.lookups.get(id);
    // A clock that was set back must not make a lookup live longer.
    if (known && now >= known.askedAt && now - known.askedAt < limits.keyCacheMs) return known.key;
    return this.lookUp(id, now);
  }

  async record(event: KeyEvent): Promise<void> {
    await this.store.record(event);
    this.lookups.delete(event.data.keyId);
  }

  ofTenant(tenant: string): Promise<readonly Key[]> {
    return this.store.ofTenant(tenant);
  }

  private lookUp(id: string, askedAt: number): Promise<Key | undefined> {
    const lookup: Lookup = { askedAt, key: this.store.find(id) };
    this.lookups.delete(id);
    this.lookups.set(id, lookup);
    const [oldest] = this.lookups.keys();
    if (this.lookups.size > limits.keyCacheEntriesMax && oldest !== undefined) this.lookups.delete(oldest);
    // Neither a failure nor an unknown id is kept: made-up ids must not push out keys that are in use.
    lookup.key.then(
      (key) => key ?? this.forget(id, lookup),
      () => this.forget(id, lookup),
    );
    return lookup.key;
  }

  private forget(id: string, lookup: Lookup): void {
    if (this.lookups.get(id) === lookup) this.lookups.delete(id);
  }
}
