import type { Position } from '../events/envelope.js';

/**
 * The position of each named reader. The epoch is that of the reader's lease: the store remembers the greatest epoch for a
 * name, so a reader that was replaced while it was suspended cannot move the checkpoint.
 * Throws RetryableError when the store is away.
 */
export interface Checkpoints {
  /** The saved position, or START, for a process that does not own the reader. */
  read(name: string): Promise<Position>;
  /** Announces the epoch and returns the position, or START. Undefined if a later epoch was announced. */
  open(name: string, epoch: number): Promise<Position | undefined>;
  /** False, without a write, if a later epoch has been announced. */
  save(name: string, epoch: number, position: Position): Promise<boolean>;
}
