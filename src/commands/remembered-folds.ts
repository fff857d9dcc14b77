import { limits } from '../limits.js';

interface Weighed {
  readonly bytes: number;
}

/**
 * Folds by stream, in two least recently used caches: many small folds, and a few large ones. So a large conversation
 * evicts none of other users, and stays cached itself: reading it for each command would take far longer than the command.
 */
export class RememberedFolds<F extends Weighed> {
  private readonly small = new Share<F>(limits.foldsBytesMax, limits.foldsMax);
  private readonly large = new Share<F>(limits.largeFoldsBytesMax, limits.foldsMax);

  get(stream: string): F | undefined {
    return this.small.get(stream) ?? this.large.get(stream);
  }

  set(stream: string, fold: F): void {
    const isLarge = fold.bytes >= limits.largeFoldBytesMin;
    (isLarge ? this.small : this.large).delete(stream);
    (isLarge ? this.large : this.small).set(stream, fold);
  }

  delete(stream: string): void {
    this.small.delete(stream);
    this.large.delete(stream);
  }
}

class Share<F extends Weighed> {
  private readonly folds = new Map<string, F>();
  private bytes = 0;

  constructor(
    private readonly bytesMax: number,
    private readonly foldsMax: number,
  ) {}

  get(stream: string): F | undefined {
    const fold = this.folds.get(stream);
    if (fold === undefined) return undefined;
    this.folds.delete(stream);
    this.folds.set(stream, fold);
    return fold;
  }

  set(stream: string, fold: F): void {
    this.delete(stream);
    // A fold that exceeds the cache would evict all others and itself.
    if (fold.bytes > this.bytesMax) return;
    this.folds.set(stream, fold);
    this.bytes += fold.bytes;
    for (const oldest of this.folds.keys()) {
      if (this.bytes <= this.bytesMax && this.folds.size <= this.foldsMax) return;
      this.delete(oldest);
    }
  }

  delete(stream: string): void {
    this.bytes -= this.folds.get(stream)?.bytes ?? 0;
    this.folds.delete(stream);
  }
}
