/**
 * A key as the store keeps it: encrypted under the master key of a generation. A row of the directory of users is kept in the
 * same way.
 */
export interface WrappedKey {
  readonly id: string;
  /** Empty for a key that the first event of a conversation binds. */
  readonly tenant: string;
  readonly generation: number;
  readonly wrapped: Buffer;
}

/** What stays of a destroyed key. */
export interface DestroyedKey {
  readonly id: string;
  /** ISO 8601 in UTC with milliseconds. */
  readonly destroyedAt: string;
}

export type StoredKey = WrappedKey | DestroyedKey;

export const isDestroyed = (key: StoredKey): key is DestroyedKey => 'destroyedAt' in key;

/** A generation of the master key, as the store knows it. The master key itself is elsewhere. */
export interface Generation {
  readonly number: number;
  /** A hash from which a process knows that it has the right master key. */
  readonly check: Buffer;
  /** New keys are wrapped under it. There is one, from the first start on. */
  readonly isCurrent: boolean;
  /** ISO 8601. When it became the current one. */
  readonly beganAt: string;
  /** ISO 8601. When its master key was destroyed. Null before. */
  readonly destroyedAt: string | null;
}

/** A write named a generation that is not the current one. Nothing was written. */
export type Stale = 'stale-generation';

/** The name of the one key of a purpose within a tenant. */
export interface KeyScope {
  readonly tenant: string;
  readonly scope: string;
}

/**
 * Wrapped keys. What a call has written is flushed when it resolves. Throws RetryableError when the store is away.
 *
 * A key is written only under the current generation: a process that has missed a rotation gets `stale-generation`, so no key is
 * left behind under a master key that is about to be destroyed.
 */
export interface ValueKeyStore {
  /** The oldest first. */
  generations(): Promise<readonly Generation[]>;
  /** Makes it the current generation, unless it or a later one has been current. Waits for writes under the one before. */
  begin(generation: number, check: Buffer): Promise<void>;
  insert(keys: readonly WrappedKey[]): Promise<'inserted' | Stale>;
  /** In any order, without ids that were never inserted. */
  find(ids: readonly string[]): Promise<readonly StoredKey[]>;
  ofScope(scope: KeyScope): Promise<StoredKey | undefined>;
  /** Inserts the key for the scope. If the scope has one, returns that one and inserts none: all callers get the same. */
  insertForScope(scope: KeyScope, key: WrappedKey): Promise<StoredKey | Stale>;
  /** The scope may get another key. */
  release(scope: KeyScope): Promise<void>;
  /** Deletes the wrapped keys. An id stays destroyed since the first time, also one that the store never had. */
  destroy(ids: readonly string[], at: string): Promise<void>;
  /** Keys under earlier generations than this one, in the order of generation and id, after `after`. */
  keysBefore(generation: number, after: WrappedKey | undefined, count: number): Promise<readonly WrappedKey[]>;
  /** Replaces wrapped keys that are still wrapped under `from`. Others have been destroyed or replaced meanwhile. */
  rewrap(from: number, keys: readonly WrappedKey[]): Promise<void>;
  /** Living keys under this generation, and under earlier ones. */
  count(generation: number): Promise<{ readonly under: number; readonly before: number }>;
  /** Records that the master key of this generation is destroyed. Throws TerminalError while a living key needs it. */
  destroyed(generation: number, at: string): Promise<void>;
}

/** The master keys, each of 32 bytes. They are in no database. */
export interface MasterKeys {
  /** All that are there now, by generation. */
  read(): Promise<ReadonlyMap<number, Buffer>>;
  /** Makes a master key, durable when it resolves. Keeps one that is there: of two processes, both get the same. */
  make(generation: number): Promise<void>;
  /** Destroys a master key, durably. False if only the operator can. */
  destroy(generation: number): Promise<boolean>;
}
