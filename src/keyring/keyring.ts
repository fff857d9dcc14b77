import { randomBytes } from 'node:crypto';
import { KEY_BYTES, ValueKey } from '../formats/value-1/value-key.js';
import type { BackgroundHealth } from '../ports/background-health.js';
import type { Clock } from '../ports/clock.js';
import type { Ids } from '../ports/ids.js';
import {
  type FoundKey,
  isDestroyed,
  type KeyAtHand,
  KeyMissing,
  type KeyScope,
  type StoredKey,
  type ValueKeyStore,
  type ValueKeys,
} from '../ports/value-keys.js';
import { KeysAtHand } from './keys-at-hand.js';
import type { MasterGenerations } from './master-generations.js';
import { RecentEntries } from './recent-entries.js';

export interface KeyringParts {
  readonly store: ValueKeyStore;
  readonly generations: MasterGenerations;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly health: BackgroundHealth;
}

type Known = Exclude<FoundKey, { is: 'missing' }>;

/** The keys of values of this process. Opened keys are in memory as long as they are used, and at most for `valueKeyCacheMs`. */
export class Keyring implements ValueKeys {
  private readonly known: RecentEntries<Known>;
  private readonly scopes: RecentEntries<string>;
  private readonly atHand: KeysAtHand;
  /** Counts destructions: a look-up that began before one may have read the key. */
  private destructions = 0;

  constructor(private readonly parts: KeyringParts) {
    const { store, generations, clock, ids, health } = parts;
    this.known = new RecentEntries(clock);
    this.scopes = new RecentEntries(clock);
    this.atHand = new KeysAtHand(store, generations, ids, health);
  }

  /** Before the first conversation, so that it pays no flush either. */
  async warmUp(): Promise<void> {
    await this.atHand.refill();
  }

  take(): KeyAtHand | Promise<KeyAtHand> {
    const key = this.atHand.take();
    return key instanceof Promise ? key.then((later) => this.kept(later)) : this.kept(key);
  }

  find(ids: Iterable<string>): ReadonlyMap<string, FoundKey> | Promise<ReadonlyMap<string, FoundKey>> {
    const found = new Map<string, FoundKey>();
    const unknown: string[] = [];
    for (const id of new Set(ids)) {
      const known = this.known.get(id);
      if (known) found.set(id, known);
      else unknown.push(id);
    }
    return unknown.length === 0 ? found : this.lookUp(unknown).then((rest) => new Map([...found, ...rest]));
  }

  async ofScope(scope: KeyScope): Promise<{ readonly id: string; readonly found: FoundKey }> {
    const name = `${scope.tenant}\n${scope.scope}`;
    const id = this.scopes.get(name) ?? (await this.bound(scope));
    this.scopes.set(name, id);
    const found = (await this.find([id])).get(id) as FoundKey;
    return { id, found };
  }

  async destroy(ids: readonly string[], at: string): Promise<void> {
    await this.parts.store.destroy(ids, at);
    this.forget(ids, at);
  }

  forget(ids: readonly string[], at: string): void {
    this.destructions++;
    for (const id of ids) this.known.set(id, { is: 'destroyed', at });
  }

  private kept(taken: KeyAtHand): KeyAtHand {
    this.known.set(taken.id, { is: 'living', key: taken.key });
    return taken;
  }

  private async bound(scope: KeyScope): Promise<string> {
    const { store, generations, ids } = this.parts;
    const bytes = randomBytes(KEY_BYTES);
    const id = ids.random();
    const stored =
      (await store.ofScope(scope)) ??
      (await generations.written(() => store.insertForScope(scope, generations.wrap(id, scope.tenant, bytes))));
    // A row that was moved here from another tenant must not be used, and must not be replaced either.
    if (!isDestroyed(stored) && stored.tenant !== scope.tenant) {
      throw new KeyMissing(stored.id, 'it belongs to another tenant than its scope');
    }
    return stored.id;
  }

  private async lookUp(ids: readonly string[]): Promise<ReadonlyMap<string, FoundKey>> {
    const { destructions } = this;
    const found = this.opened(ids, await this.parts.generations.find(ids));
    for (const [id, key] of found) {
      if (key.is !== 'missing' && destructions === this.destructions) this.known.set(id, key);
      // The row may have been read before this process learned that the key is destroyed.
      const known = this.known.get(id);
      if (known) found.set(id, known);
    }
    return found;
  }

  private opened(ids: readonly string[], rows: readonly StoredKey[]): Map<string, FoundKey> {
    const byId = new Map(rows.map((row) => [row.id, row]));
    return new Map(ids.map((id) => [id, this.openedOne(id, byId.get(id))]));
  }

  private openedOne(id: string, row: StoredKey | undefined): FoundKey {
    if (!row) return { is: 'missing', error: new KeyMissing(id, 'the store of keys has no row of it') };
    if (isDestroyed(row)) return { is: 'destroyed', at: row.destroyedAt };
    try {
      return { is: 'living', key: new ValueKey(this.parts.generations.unwrap(row)) };
    } catch (error) {
      if (!(error instanceof KeyMissing)) throw error;
      return { is: 'missing', error };
    }
  }
}
