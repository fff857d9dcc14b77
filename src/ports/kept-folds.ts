/** The fold of a stream up to an event, written by a program that knows its version. Holds no text of a user. */
export interface KeptFold {
  readonly stream: string;
  /** The version of the fold and of its bytes. */
  readonly version: number;
  /** The last folded event: its place in the stream, and its id. */
  readonly revision: number;
  readonly event: string;
  readonly bytes: Buffer;
}

/**
 * The latest kept fold of each stream: a cache, which may lose any of them at any time. A reader compares the last folded
 * event with the log. Throws RetryableError when the store is unavailable.
 */
export interface KeptFoldStore {
  /** Undefined if there is none of this version. */
  find(stream: string, version: number): Promise<KeptFold | undefined>;
  /** Replaces an earlier fold, and one of another version. Committed, but not flushed: a crash of the database may lose it. */
  keep(fold: KeptFold): Promise<void>;
  forget(stream: string): Promise<void>;
}
