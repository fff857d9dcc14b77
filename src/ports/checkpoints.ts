import type { Position } from '../events/envelope.js';

/**
 * How far a named reader has got. The epoch is that of the reader's lease: a store remembers the greatest it has
 * seen for a name, so a reader that was replaced while it slept cannot move the checkpoint any more.
 * Throws RetryableError when the store is away.
 */
export interface Checkpoints {
  /** The position that was saved last (START when there is none), for a process that watches the reader and does not own it. */
  read(name: string): Promise<Position>;
  /** Announces the epoch and answers with the position (START when there is none); nothing when a later epoch was announced. */
  open(name: string, epoch: number): Promise<Position | undefined>;
  /** False when a later epoch has been announced, and then nothing is written. */
  save(name: string, epoch: number, position: Position): Promise<boolean>;
}
