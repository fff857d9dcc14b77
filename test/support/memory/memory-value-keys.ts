import { TerminalError } from '../../../src/ports/errors.js';
import {
  isDestroyed,
  type KeyScope,
  type MasterGeneration,
  type Stale,
  type StoredKey,
  type ValueKeyStore,
  type WrappedKey,
} from '../../../src/ports/value-keys.js';

const nameOf = ({ tenant, scope }: KeyScope) => JSON.stringify([tenant, scope]);

export class MemoryValueKeys implements ValueKeyStore {
  private readonly known: MasterGeneration[] = [];
  private readonly keys = new Map<string, StoredKey>();
  private readonly scopes = new Map<string, string>();

  async generations(): Promise<readonly MasterGeneration[]> {
    return structuredClone(this.known).map((each) => ({ ...each, check: Buffer.from(each.check) }));
  }

  async begin(number: number, check: Buffer): Promise<void> {
    if (this.known.some((each) => each.number >= number)) return;
    for (const [nth, each] of this.known.entries()) this.known[nth] = { ...each, isCurrent: false };
    this.known.push({ number, check, isCurrent: true, beganAt: new Date(0).toISOString(), destroyedAt: null });
  }

  async insert(keys: readonly WrappedKey[]): Promise<'inserted' | Stale> {
    if (keys.some(({ generation }) => !this.isCurrent(generation))) return 'stale-generation';
    for (const key of keys) this.keys.set(key.id, key);
    return 'inserted';
  }

  async find(ids: readonly string[]): Promise<readonly StoredKey[]> {
    return [...new Set(ids)].map((id) => this.keys.get(id)).filter((key) => key !== undefined);
  }

  async ofScope(scope: KeyScope): Promise<StoredKey | undefined> {
    return this.keys.get(this.scopes.get(nameOf(scope)) ?? '');
  }

  async insertForScope(scope: KeyScope, key: WrappedKey): Promise<StoredKey | Stale> {
    if (!this.isCurrent(key.generation)) return 'stale-generation';
    const bound = this.keys.get(this.scopes.get(nameOf(scope)) ?? '');
    if (bound) return bound;
    this.keys.set(key.id, key);
    this.scopes.set(nameOf(scope), key.id);
    return key;
  }

  async release(id: string): Promise<void> {
    for (const [scope, key] of this.scopes) if (key === id) this.scopes.delete(scope);
  }

  async destroy(ids: readonly string[], at: string): Promise<void> {
    for (const id of ids) {
      const key = this.keys.get(id);
      if (!key || !isDestroyed(key)) this.keys.set(id, { id, destroyedAt: at });
    }
  }

  async keysUnder(generation: number, after: string, count: number): Promise<readonly WrappedKey[]> {
    return this.living()
      .filter((key) => key.generation === generation && key.id > after)
      .sort((one, other) => (one.id < other.id ? -1 : 1))
      .slice(0, count);
  }

  async rewrap(from: number, keys: readonly WrappedKey[]): Promise<void> {
    for (const key of keys) {
      const stored = this.keys.get(key.id);
      const isReplaced = stored && !isDestroyed(stored) && stored.generation === from && this.isCurrent(key.generation);
      if (isReplaced) this.keys.set(key.id, { ...stored, generation: key.generation, wrapped: key.wrapped });
    }
  }

  async count(generation: number): Promise<{ under: number; before: number }> {
    const keys = this.living();
    return {
      under: keys.filter((key) => key.generation === generation).length,
      before: keys.filter((key) => key.generation < generation).length,
    };
  }

  async destroyed(number: number, at: string): Promise<void> {
    const nth = this.known.findIndex((each) => each.number === number && !each.isCurrent);
    const known = this.known[nth];
    if (!known || this.living().some((key) => key.generation === number)) {
      throw new TerminalError(`keys still need the master key of generation ${number}`);
    }
    this.known[nth] = { ...known, destroyedAt: known.destroyedAt ?? at };
  }

  private isCurrent(generation: number): boolean {
    return this.known.some((each) => each.number === generation && each.isCurrent);
  }

  private living(): WrappedKey[] {
    return [...this.keys.values()].filter((key): key is WrappedKey => !isDestroyed(key));
  }
}
