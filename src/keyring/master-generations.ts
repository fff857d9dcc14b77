import { createHmac, randomBytes } from 'node:crypto';
import { NONCE_BYTES } from '../formats/value-1/authenticated-cipher.js';
import { unwrapped, wrapped } from '../formats/value-1/wrapping.js';
import { TerminalError } from '../ports/errors.js';
import {
  isDestroyed,
  KeyMissing,
  MasterKeyMissing,
  type MasterKeys,
  type Stale,
  type StoredKey,
  type ValueKeyStore,
  type WrappedKey,
} from '../ports/value-keys.js';

/** A hash that a process compares, so that it uses no other master key than the one of the generation. It reveals nothing of the key. */
export const masterCheck = (generation: number, master: Buffer): Buffer =>
  createHmac('sha256', master).update(`verbatim/master/1\n${generation}`).digest();

/** What this process knows: the master keys of the generations that are not destroyed. */
interface KnownGenerations {
  readonly current: number;
  readonly masters: ReadonlyMap<number, Buffer>;
}

/** The master keys that this process has, in step with the generations of the store: another process may have rotated them. */
export class MasterGenerations {
  private reloading: Promise<void> | undefined;

  private constructor(
    private readonly store: ValueKeyStore,
    private readonly keys: MasterKeys,
    private known: KnownGenerations,
  ) {}

  /** The first process of a deployment makes the first master key. Rejects if the current one is not at hand. */
  static async open(store: ValueKeyStore, keys: MasterKeys): Promise<MasterGenerations> {
    if ((await store.generations()).length === 0) await beginAfter(0, store, keys);
    const known = await knownGenerations(store, keys);
    if (!known.masters.has(known.current)) {
      throw new MasterKeyMissing(`${absent(known.current)}: restore it in ${keys.placeOf(known.current)}`);
    }
    return new MasterGenerations(store, keys, known);
  }

  get current(): number {
    return this.known.current;
  }

  /**
   * The rows of keys. If another process has wrapped them under a generation that this process has not read, or has destroyed the
   * one that was read a moment ago, they are read again.
   */
  async find(ids: readonly string[]): Promise<readonly StoredKey[]> {
    const rows = await this.store.find(ids);
    if (rows.every((row) => this.canOpen(row))) return rows;
    await this.reload();
    return this.store.find(ids);
  }

  /** The row as `find` reads it. */
  async openable(row: StoredKey): Promise<StoredKey> {
    return this.canOpen(row) ? row : ((await this.find([row.id]))[0] ?? row);
  }

  /** One at a time for all that ask meanwhile. */
  reload(): Promise<void> {
    this.reloading ??= knownGenerations(this.store, this.keys)
      .then((known) => {
        this.known = known;
      })
      .finally(() => {
        this.reloading = undefined;
      });
    return this.reloading;
  }

  /** Under the current generation. Throws KeyMissing if its master key is not at hand. */
  wrap(id: string, tenant: string, plain: Uint8Array): WrappedKey {
    const generation = this.current;
    const master = this.masterOf(generation, id);
    return {
      id,
      tenant,
      generation,
      wrapped: wrapped(master, { tenant, id, generation }, plain, randomBytes(NONCE_BYTES)),
    };
  }

  /** Throws KeyMissing. */
  unwrap(key: WrappedKey): Buffer {
    const plain = unwrapped(this.masterOf(key.generation, key.id), key, key.wrapped);
    if (plain === undefined) throw new KeyMissing(key.id, 'its row was changed');
    return plain;
  }

  /** Repeats a write whose generation ended after this process had read it. */
  async written<T>(write: () => Promise<T | Stale>): Promise<T> {
    for (let tries = 0; ; tries++) {
      const result = await write();
      if (result !== 'stale-generation') return result;
      // A rotation takes far longer than a write, so a third generation means that the store answers for another one.
      if (tries === 2) throw new TerminalError('the store of keys refuses its own current generation');
      await this.reload();
    }
  }

  private canOpen(row: StoredKey): boolean {
    return isDestroyed(row) || this.known.masters.has(row.generation);
  }

  private masterOf(generation: number, id: string): Buffer {
    const master = this.known.masters.get(generation);
    if (!master) throw new KeyMissing(id, absent(generation));
    return master;
  }
}

const absent = (generation: number): string => `the master key of generation ${generation} is not at hand`;

/** False if there is no later master key, and only the operator can provide one. */
export async function beginAfter(generation: number, store: ValueKeyStore, keys: MasterKeys): Promise<boolean> {
  const next = await keys.next(generation);
  const master = next === undefined ? undefined : (await keys.read()).get(next);
  if (next === undefined || !master) return false;
  await store.begin(next, masterCheck(next, master));
  return true;
}

async function knownGenerations(store: ValueKeyStore, keys: MasterKeys): Promise<KnownGenerations> {
  // In this order: a master key is made before its generation begins.
  const generations = await store.generations();
  const atHand = await keys.read();
  const masters = new Map<number, Buffer>();
  for (const { number, check, destroyedAt } of generations) {
    const master = atHand.get(number);
    if (!master || destroyedAt !== null) continue;
    if (!masterCheck(number, master).equals(check)) {
      throw new TerminalError(
        `the master key of generation ${number} is another one than the store of keys began with`,
      );
    }
    masters.set(number, master);
  }
  return { current: generations.find(({ isCurrent }) => isCurrent)?.number ?? 0, masters };
}
