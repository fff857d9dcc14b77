import type { ValueKey } from '../formats/value-1/value-key.js';
import { RetryableError, TerminalError } from './errors.js';

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
export interface MasterGeneration {
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
  generations(): Promise<readonly MasterGeneration[]>;
  /** Makes it the current generation, unless it or a later one has been current. Waits for writes under the one before. */
  begin(generation: number, check: Buffer): Promise<void>;
  insert(keys: readonly WrappedKey[]): Promise<'inserted' | Stale>;
  /** In any order, without ids that were never inserted. */
  find(ids: readonly string[]): Promise<readonly StoredKey[]>;
  ofScope(scope: KeyScope): Promise<StoredKey | undefined>;
  /** Inserts the key for the scope. If the scope has one, returns that one and inserts none: all callers get the same. */
  insertForScope(scope: KeyScope, key: WrappedKey): Promise<StoredKey | Stale>;
  /** The scope of this key may get another one. */
  release(id: string): Promise<void>;
  /** Deletes the wrapped keys. An id stays destroyed since the first time, also one that the store never had. */
  destroy(ids: readonly string[], at: string): Promise<void>;
  /** Keys under this generation, in the order of their ids, after the id `after`. */
  keysUnder(generation: number, after: string, count: number): Promise<readonly WrappedKey[]>;
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
  /**
   * A later generation than this one, made if there is none and durable then. Processes that ask at the same time get the same.
   * Undefined if only the operator can provide one.
   */
  next(generation: number): Promise<number | undefined>;
  /** Destroys a master key, durably. False if it is still there, because only the operator can. */
  destroy(generation: number): Promise<boolean>;
  /** The operator alone makes and destroys master keys. */
  readonly isOfOperator: boolean;
  /** Where the master key of a generation belongs, for messages. */
  placeOf(generation: number): string;
}

/** The key cannot be opened, and the log does not say that it was destroyed. Operators can restore it. */
export class KeyMissing extends RetryableError {
  constructor(
    readonly keyId: string,
    why: string,
  ) {
    super(`the key ${keyId} is missing: ${why}`);
  }
}

/** This process lacks the master key under which new keys are wrapped. Operators can restore it. */
export class MasterKeyMissing extends TerminalError {}

export interface KeyAtHand {
  readonly id: string;
  readonly key: ValueKey;
}

export type FoundKey =
  | { readonly is: 'living'; readonly key: ValueKey }
  | { readonly is: 'destroyed'; readonly at: string }
  | { readonly is: 'missing'; readonly error: KeyMissing };

/** The scopes of a tenant that have one key each. A thread gets the key of its first conversation in the log. */
export const keyScopes = {
  tenant: 'tenant',
  user: (u: string) => `user-${u}`,
  thread: (id: string) => `thread-${id}`,
  /** `2026-11` */
  accessMonth: (month: string) => `access-${month}`,
};

/** The keys of values, opened. Throws RetryableError when the store is away. */
export interface ValueKeys {
  /** A durable key that nothing uses, for a new conversation. No promise if one is at hand. */
  take(): KeyAtHand | Promise<KeyAtHand>;
  /** The keys of a page, with one query for those that are not in memory. No promise if all are. Every id has an answer. */
  find(ids: Iterable<string>): ReadonlyMap<string, FoundKey> | Promise<ReadonlyMap<string, FoundKey>>;
  /** The one key of a scope, made if there is none. Throws KeyMissing. A destroyed one has no key. */
  ofScope(scope: KeyScope): Promise<{ readonly id: string; readonly found: FoundKey }>;
  /** Destroys the keys in the store and in this process, after the log says so. */
  destroy(ids: readonly string[], at: string): Promise<void>;
  /** The log says that these keys are destroyed: this process does not use them any more. */
  forget(ids: readonly string[], at: string): void;
}
